//! What is made of the rows: tables, and the bars beside what was measured.

use std::fmt;

use super::rounds::{Measure, Plan, Row};
use super::targets::Target;
use super::wrk;
use crate::machine::{commit, machine};
use crate::statistics::Spread;

/// A run, summed up.
#[derive(Debug)]
pub(super) struct Report<'r> {
    plan: Plan,
    rows: &'r [Row],
    versions: String,
}

/// A figure of a row.
type Figure = fn(&Row) -> Option<f64>;

const PER_SECOND: Figure = |row| row.per_second;
const PROCESSOR: Figure = |row| Some(row.processor_us);
const MEDIAN: Figure = |row| row.median_us;

/// A bar of the project, and what it is held against.
struct Bar {
    name: &'static str,
    measure: Measure,
    figure: Figure,
    against: Target,
    relation: Relation,
    limit: Limit,
}

#[derive(Debug, Clone, Copy)]
enum Relation {
    Ratio,
    Difference,
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

const BARS: [Bar; 6] = [
    Bar {
        name: "P1 requests/s against bare",
        measure: Measure::Throughput,
        figure: PER_SECOND,
        against: Target::Bare,
        relation: Relation::Ratio,
        limit: Limit::AtLeast(0.95),
    },
    Bar {
        name: "P1 CPU per request against bare",
        measure: Measure::Throughput,
        figure: PROCESSOR,
        against: Target::Bare,
        relation: Relation::Ratio,
        limit: Limit::AtMost(1.07),
    },
    Bar {
        name: "P2 CPU per request against nginx + auth_request",
        measure: Measure::Throughput,
        figure: PROCESSOR,
        against: Target::AuthRequest,
        relation: Relation::Ratio,
        limit: Limit::AtMost(1.0),
    },
    Bar {
        name: "P4 added median latency, cached, µs",
        measure: Measure::Cached,
        figure: MEDIAN,
        against: Target::Bare,
        relation: Relation::Difference,
        limit: Limit::AtMost(10.0),
    },
    Bar {
        name: "P4 added median latency, new picture, µs",
        measure: Measure::NewPicture,
        figure: MEDIAN,
        against: Target::Bare,
        relation: Relation::Difference,
        limit: Limit::AtMost(50.0),
    },
    Bar {
        name: "P4 added median latency, new block, µs",
        measure: Measure::NewBlock,
        figure: MEDIAN,
        against: Target::Bare,
        relation: Relation::Difference,
        limit: Limit::AtMost(50.0),
    },
];

impl<'r> Report<'r> {
    pub(super) fn new(plan: &Plan, rows: &'r [Row], versions: String) -> Self {
        Self { plan: *plan, rows, versions }
    }

    fn spread(&self, measure: Measure, target: Target, figure: Figure) -> Option<Spread> {
        let rows = self.rows.iter().filter(|row| row.measure == measure && row.target == target);
        Spread::of(rows.filter_map(figure))
    }

    /// The gateway against another target, round by round: what slowed a round down slowed both.
    fn compared(&self, bar: &Bar) -> Option<Spread> {
        let of = |target: Target| {
            let rows = self.rows.iter();
            rows.filter(move |row| row.measure == bar.measure && row.target == target)
                .filter_map(|row| (bar.figure)(row).map(|value| (row.round, value)))
        };
        let pairs = of(Target::Vestibule).filter_map(|(round, own)| {
            let (_, other) = of(bar.against).find(|(other, _)| *other == round)?;
            Some(match bar.relation {
                Relation::Ratio => own / other,
                Relation::Difference => own - other,
            })
        });
        Spread::of(pairs)
    }

    fn throughput(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = wrk::CONNECTIONS;
        writeln!(f, "throughput: 1 KiB, {connections} connections, one worker each")?;
        writeln!(f, "{:<22}{:>12}{:>22}{:>12}{:>16}", "", "requests/s", "(spread)", "CPU µs", "")?;
        for target in Target::ALL {
            let rate = self.spread(Measure::Throughput, target, PER_SECOND);
            let used = self.spread(Measure::Throughput, target, PROCESSOR);
            let (Some(rate), Some(used)) = (rate, used) else { continue };
            let reach = format!("({:.0} to {:.0})", rate.least, rate.most);
            let used_reach = format!("({:.1} to {:.1})", used.least, used.most);
            writeln!(
                f,
                "{:<22}{:>12.0}{reach:>22}{:>12.1}{used_reach:>16}",
                target.name(),
                rate.median,
                used.median
            )?;
        }
        Ok(())
    }

    fn latency(&self, f: &mut fmt::Formatter<'_>, measure: Measure) -> fmt::Result {
        writeln!(f, "\n{}: one connection, median in µs", measure.name())?;
        for target in Target::ALL {
            let time = self.spread(measure, target, MEDIAN);
            let used = self.spread(measure, target, PROCESSOR);
            let (Some(time), Some(used)) = (time, used) else { continue };
            let reach = format!("({:.1} to {:.1})", time.least, time.most);
            writeln!(
                f,
                "{:<22}{:>12.1}{reach:>22}{:>12.1}",
                target.name(),
                time.median,
                used.median
            )?;
        }
        Ok(())
    }

    fn bars(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nbars: the gateway against the baseline of the same round")?;
        for bar in &BARS {
            let Some(found) = self.compared(bar) else { continue };
            let (sign, limit, is_met) = match bar.limit {
                Limit::AtLeast(limit) => ("≥", limit, found.median >= limit),
                Limit::AtMost(limit) => ("≤", limit, found.median <= limit),
            };
            let reach = format!("({:.2} to {:.2})", found.least, found.most);
            let verdict = if is_met { "met" } else { "not met" };
            writeln!(
                f,
                "{:<50}{:>8.2} {reach:>20}   {sign} {limit:<6}{verdict}",
                bar.name, found.median
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine: {}", machine())?;
        writeln!(f, "build: {}; {}", commit(), self.versions)?;
        writeln!(
            f,
            "{} rounds, {} s of load for each target in each; medians of rounds (least to most);\n\
             a site of {} folder blocks; CPU: µs for each request, of all processes that take part\n",
            self.plan.rounds,
            self.plan.seconds,
            self.plan.blocks()
        )?;
        self.throughput(f)?;
        for measure in [Measure::Cached, Measure::NewPicture, Measure::NewBlock] {
            self.latency(f, measure)?;
        }
        self.bars(f)
    }
}

/// The rows, as they were measured.
pub(super) fn csv(rows: &[Row]) -> String {
    let mut text = String::from(
        "measure,round,target,requests,requests_per_second,cpu_us_per_request,median_us,load_average\n",
    );
    let optional =
        |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
    for row in rows {
        let fields = [
            format!("\"{}\"", row.measure.name()),
            row.round.to_string(),
            row.target.name().to_owned(),
            row.requests.to_string(),
            optional(row.per_second),
            format!("{:.2}", row.processor_us),
            optional(row.median_us),
            row.load_average.clone(),
        ];
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(round: u32, target: Target, per_second: f64, processor_us: f64) -> Row {
        Row {
            measure: Measure::Throughput,
            round,
            target,
            requests: 1000,
            per_second: Some(per_second),
            processor_us,
            median_us: None,
            load_average: "0.10".to_owned(),
        }
    }

    /// The second round is half as fast for both: the ratio does not see it.
    #[test]
    fn rounds_are_compared_with_themselves() {
        let rows = [
            row(1, Target::Bare, 100.0, 10.0),
            row(1, Target::Vestibule, 90.0, 12.0),
            row(2, Target::Vestibule, 45.0, 24.0),
            row(2, Target::Bare, 50.0, 20.0),
        ];
        let report = Report::new(&Plan::smoke(), &rows, String::new());
        let text = report.to_string();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
        let first = line("P1 requests/s");
        assert!(first.contains("0.90") && first.ends_with("not met"), "{first}");
        let second = line("P1 CPU");
        assert!(second.contains("1.20") && second.ends_with("not met"), "{second}");
        assert!(!text.contains("P2"), "{text}");
    }

    #[test]
    fn rows_are_kept_as_they_are() {
        let kept = csv(&[row(1, Target::Direct, 100.0, 10.0)]);
        let line = kept.lines().nth(1).unwrap();
        assert_eq!(line, "\"throughput\",1,direct,1000,100.00,10.00,,0.10");
    }
}
