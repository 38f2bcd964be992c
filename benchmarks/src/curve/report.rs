//! What is made of the rows: a table of each kind, and the bars beside what was measured.

use std::fmt;

use super::measures::{LOADING, MEMORY, Measure, OWN, RIVALS, Row};
use super::rounds::Plan;
use crate::machine::{commit, machine};
use crate::statistics::Spread;

/// A run, summed up.
#[derive(Debug)]
pub(super) struct Report<'r> {
    plan: Plan,
    rows: &'r [Row],
}

/// How much more the largest site may cost than the smallest.
const FLAT: f64 = 1.5;
/// Above this many blocks the bars ask for nothing but a load within a minute.
const USUAL: usize = 10_000;

/// A measure at a size.
type At = (Measure, usize);

/// What was found, and what it is held against.
struct Bar {
    name: String,
    found: Spread,
    limit: Limit,
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl<'r> Report<'r> {
    pub(super) fn new(plan: &Plan, rows: &'r [Row]) -> Self {
        Self { plan: *plan, rows }
    }

    fn values(&self, (measure, blocks): At) -> impl Iterator<Item = &'r Row> {
        self.rows.iter().filter(move |row| row.measure == measure && row.blocks == blocks)
    }

    /// A measure's value over the rounds.
    pub(super) fn spread(&self, at: At) -> Option<Spread> {
        Spread::of(self.values(at).map(|row| row.value))
    }

    /// The sizes at which a measure has values, with these.
    pub(super) fn curve(&self, measure: Measure) -> Vec<(usize, Spread)> {
        let sizes = self.plan.sizes.iter();
        sizes.filter_map(|blocks| Some((*blocks, self.spread((measure, *blocks))?))).collect()
    }

    /// One against another, round by round: what slowed a round down slowed both.
    fn ratio(&self, one: At, other: At) -> Option<Spread> {
        let pairs = self.values(one).filter_map(|row| {
            let other = self.values(other).find(|other| other.round == row.round)?;
            Some(row.value / other.value)
        });
        Spread::of(pairs)
    }

    fn heading(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        write!(f, "\n{what:<28}")?;
        for blocks in self.plan.sizes {
            write!(f, "{blocks:>30}")?;
        }
        writeln!(f)
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, measure: Measure) -> fmt::Result {
        write!(f, "{:<28}", measure.name())?;
        for blocks in self.plan.sizes {
            let cell = self.spread((measure, *blocks)).map_or_else(|| "-".to_owned(), cell);
            write!(f, "{cell:>30}")?;
        }
        writeln!(f)
    }

    fn decisions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading(f, "one decision, ns")?;
        for measure in OWN.into_iter().chain(RIVALS) {
            self.line(f, measure)?;
        }
        self.heading(f, "the same, CPU")?;
        for measure in OWN.into_iter().chain(RIVALS) {
            write!(f, "{:<28}", measure.name())?;
            for blocks in self.plan.sizes {
                let rows = self.values((measure, *blocks)).filter_map(|row| row.processor);
                let cell = Spread::of(rows).map_or_else(|| "-".to_owned(), cell);
                write!(f, "{cell:>30}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn growth(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (largest, smallest) = self.plan.ends();
        writeln!(f, "\ncost at {largest} blocks to that at {smallest}, the same round")?;
        for measure in OWN.into_iter().chain(RIVALS) {
            let Some(ratio) = self.ratio((measure, largest), (measure, smallest)) else { continue };
            writeln!(
                f,
                "{:<28}{:>8.2} ({:.2} to {:.2})",
                measure.name(),
                ratio.median,
                ratio.least,
                ratio.most
            )?;
        }
        Ok(())
    }

    fn threads(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for measure in [Measure::OneThread, Measure::TwoThreads] {
            for (blocks, rate) in self.curve(measure) {
                writeln!(
                    f,
                    "{} at {blocks} blocks: {:.1} M decisions/s ({:.1} to {:.1})",
                    measure.name(),
                    rate.median / 1e6,
                    rate.least / 1e6,
                    rate.most / 1e6
                )?;
            }
        }
        Ok(())
    }

    fn bars(&self) -> Vec<Bar> {
        let (largest, smallest) = self.plan.ends();
        let usual = USUAL.min(largest);
        let mut bars = Vec::new();
        let mut bar = |name: String, found: Option<Spread>, limit: Limit| {
            bars.extend(found.map(|found| Bar { name, found, limit }));
        };
        let hits = [
            (Measure::Hot, 60.0),
            (Measure::Remembered, 500.0),
            (Measure::PrincipalNew, 25_000.0),
            (Measure::Cold, 25_000.0),
        ];
        for (measure, limit) in hits {
            let name = format!("P5 {}, ns, at {largest} blocks", measure.name());
            bar(name, self.spread((measure, largest)), Limit::AtMost(limit));
        }
        for measure in OWN {
            let name = format!("P5 flat: {}, {largest} to {smallest}", measure.name());
            let ratio = self.ratio((measure, largest), (measure, smallest));
            bar(name, ratio, Limit::AtMost(FLAT));
        }
        for measure in [Measure::Cold, Measure::PrincipalNew] {
            let name = format!("P6 Cedar alone to {}, {usual} blocks", measure.name());
            let ratio = self.ratio((Measure::CedarAlone, usual), (measure, usual));
            bar(name, ratio, Limit::AtLeast(500.0));
        }
        let name = format!("P7 load and check {usual} blocks, ms");
        bar(name, self.spread((Measure::Load, usual)), Limit::AtMost(5_000.0));
        if largest > usual {
            let name = format!("P7 load and check {largest} blocks, ms");
            bar(name, self.spread((Measure::Load, largest)), Limit::AtMost(60_000.0));
        }
        let name = format!("P7 reload after one change, {usual} blocks, ms");
        bar(name, self.spread((Measure::Reload, usual)), Limit::AtMost(100.0));
        let name = format!("P8 the gateway idle, {smallest} blocks, MiB");
        bar(name, self.spread((Measure::Gateway, smallest)), Limit::AtMost(40.0));
        let name = format!("P8 MiB for each 10000 blocks, {smallest} to {largest}");
        bar(name, self.each_ten_thousand(largest, smallest), Limit::AtMost(64.0));
        let name = "P8 a live session, KiB".to_owned();
        bar(name, self.spread((Measure::Session, smallest)), Limit::AtMost(1.0));
        bars
    }

    /// Memory that grows with blocks, in MiB.
    fn each_ten_thousand(&self, largest: usize, smallest: usize) -> Option<Spread> {
        let of = |blocks| self.spread((Measure::Resident, blocks)).map(|spread| spread.median);
        let more = u32::try_from(largest - smallest).ok().filter(|more| *more > 0)?;
        let grown = of(largest)? - of(smallest)?;
        Spread::of([grown * 10_000.0 / f64::from(more)])
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine: {}", machine())?;
        writeln!(f, "build: {}", commit())?;
        writeln!(
            f,
            "{} rounds; medians of rounds (least to most); columns: folder blocks of the site\n\
             casbin 2.20, regorus 0.14, Cedar 4.14: on the same rules, the same answers",
            self.plan.rounds
        )?;
        self.decisions(f)?;
        self.growth(f)?;
        self.heading(f, "loading, ms")?;
        for measure in LOADING {
            self.line(f, measure)?;
        }
        self.heading(f, "resident memory, MiB")?;
        for measure in MEMORY {
            self.line(f, measure)?;
        }
        writeln!(f)?;
        self.threads(f)?;
        writeln!(f, "\nbars")?;
        for Bar { name, found, limit } in self.bars() {
            let (sign, limit, is_met) = match limit {
                Limit::AtLeast(limit) => ("≥", limit, found.median >= limit),
                Limit::AtMost(limit) => ("≤", limit, found.median <= limit),
            };
            let verdict = if is_met { "met" } else { "not met" };
            writeln!(f, "{name:<48}{:>30}   {sign} {limit:<8}{verdict}", cell(found))?;
        }
        Ok(())
    }
}

/// A median and its reach, with as many digits as say something.
fn cell(spread: Spread) -> String {
    let digits = |value: f64| {
        let precision = if value < 100.0 { 1 } else { 0 };
        let precision = if value < 10.0 { 2 } else { precision };
        format!("{value:.precision$}")
    };
    if spread.least < spread.most {
        let (least, most) = (digits(spread.least), digits(spread.most));
        format!("{} ({least} to {most})", digits(spread.median))
    } else {
        digits(spread.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(measure: Measure, (blocks, round): (usize, u32), value: f64) -> Row {
        let load_average = "0.10".to_owned();
        Row { measure, blocks, round, value, processor: None, count: 1, load_average }
    }

    /// The second round is twice as slow for both sizes: the ratio does not see it.
    #[test]
    fn rounds_are_compared_with_themselves() {
        let rows = [
            row(Measure::Hot, (10, 1), 40.0),
            row(Measure::Hot, (100, 1), 50.0),
            row(Measure::Hot, (100, 2), 100.0),
            row(Measure::Hot, (10, 2), 80.0),
            row(Measure::Reload, (100, 1), 250.0),
        ];
        let text = Report::new(&Plan::smoke(), &rows).to_string();
        let line = |start: &str| {
            let found = text.lines().find(|line| line.starts_with(start));
            found.unwrap_or_else(|| panic!("no line `{start}`:\n{text}"))
        };
        let flat = line("P5 flat: hot, 100 to 10");
        assert!(flat.contains("1.25") && flat.ends_with(" met"), "{flat}");
        assert!(line("P5 hot").ends_with("not met"), "{text}");
        assert!(line("P7 reload").ends_with("not met"), "{text}");
        assert!(!text.contains("P6"), "{text}");
    }
}
