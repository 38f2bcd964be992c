//! What is made of the times of a storm: quantiles over all rounds, and how sure they are.
//!
//! Rounds differ by what the machine does meanwhile, much more than requests of one round do. So it
//! is rounds that are drawn again and again (the bootstrap: Efron, 1979), and not requests: the
//! interval says between what a figure lies in 95 of 100 such draws.

use super::Weather;
use crate::statistics::Spread;

/// How often rounds are drawn.
const DRAWS: usize = 1000;
/// Draws are the same in each run, so that one report can be made twice.
const SEED: u64 = 14;

/// How long answers took in one round, in microseconds.
#[derive(Debug, Default, Clone)]
pub(super) struct Round {
    calm: Vec<f64>,
    beside: Vec<f64>,
    storm: Vec<f64>,
}

impl Round {
    pub(super) fn keep(&mut self, weather: Weather, took: Vec<f64>) {
        match weather {
            Weather::Calm => self.calm = took,
            Weather::Beside => self.beside = took,
            Weather::Storm => self.storm = took,
        }
    }

    fn times(&self, weather: Weather) -> &[f64] {
        match weather {
            Weather::Calm => &self.calm,
            Weather::Beside => &self.beside,
            Weather::Storm => &self.storm,
        }
    }
}

/// A figure that is made of any rounds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Figure {
    /// So many hundredths of answers took no longer.
    Quantile(usize, Weather),
    /// The 99th hundredth of one kind against another's.
    Ratio(Weather, Weather),
}

impl Figure {
    fn of(self, rounds: &[&Round]) -> Option<f64> {
        match self {
            Self::Quantile(hundredths, weather) => {
                quantile(rounds.iter().flat_map(|round| round.times(weather)), hundredths)
            }
            Self::Ratio(over, under) => {
                let [over, under] =
                    [over, under].map(|weather| Self::Quantile(99, weather).of(rounds));
                Some(over? / under?)
            }
        }
    }
}

/// What is said of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    /// Of all answers of all rounds.
    pub(super) all: f64,
    /// Between what it lies in 95 of 100 draws of rounds.
    pub(super) interval: (f64, f64),
    /// Of each round by itself.
    pub(super) rounds: Spread,
}

impl Estimate {
    /// None without rounds.
    pub(super) fn of(figure: Figure, rounds: &[Round]) -> Option<Self> {
        let every: Vec<&Round> = rounds.iter().collect();
        let all = figure.of(&every)?;
        let mut random = fastrand::Rng::with_seed(SEED);
        let mut drawn: Vec<f64> = (0..DRAWS)
            .filter_map(|_| {
                let draw: Vec<&Round> =
                    every.iter().filter_map(|_| random.choice(&every).copied()).collect();
                figure.of(&draw)
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        let at = |thousandths: usize| drawn.get(drawn.len() * thousandths / 1000).copied();
        let interval = (at(25)?, at(975)?);
        let rounds = Spread::of(every.iter().filter_map(|round| figure.of(&[round])))?;
        Some(Self { all, interval, rounds })
    }
}

/// The value that so many hundredths of all do not exceed.
fn quantile<'v>(values: impl Iterator<Item = &'v f64>, hundredths: usize) -> Option<f64> {
    let mut values: Vec<f64> = values.copied().collect();
    let index = (values.len() * hundredths / 100).min(values.len().checked_sub(1)?);
    let (_, value, _) = values.select_nth_unstable_by(index, f64::total_cmp);
    Some(*value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(calm: &[f64], storm: &[f64]) -> Round {
        Round { calm: calm.to_vec(), beside: Vec::new(), storm: storm.to_vec() }
    }

    #[test]
    fn a_figure_is_of_all_answers_of_all_rounds() {
        let rounds = [round(&[1.0, 2.0], &[4.0]), round(&[9.0], &[8.0, 18.0])];
        let check = |figure, expected: Option<f64>| {
            assert_eq!(Estimate::of(figure, &rounds).map(|e| e.all), expected, "{figure:?}");
        };
        check(Figure::Quantile(50, Weather::Calm), Some(2.0));
        check(Figure::Quantile(99, Weather::Calm), Some(9.0));
        check(Figure::Quantile(99, Weather::Beside), None);
        check(Figure::Ratio(Weather::Storm, Weather::Calm), Some(2.0));
        check(Figure::Ratio(Weather::Storm, Weather::Beside), None);
    }

    #[test]
    fn rounds_that_are_alike_leave_no_doubt() {
        let rounds = vec![round(&[2.0], &[3.0]); 5];
        let ratio = Estimate::of(Figure::Ratio(Weather::Storm, Weather::Calm), &rounds);
        let ratio = ratio.expect("there are rounds");
        assert_eq!(ratio.interval, (1.5, 1.5));
        assert_eq!(ratio.rounds, Spread { median: 1.5, least: 1.5, most: 1.5 });
        assert_eq!(Estimate::of(Figure::Quantile(50, Weather::Calm), &[]), None);
    }

    #[test]
    fn rounds_that_differ_leave_some() {
        let rounds: Vec<_> = (1..=20).map(|n| round(&[1.0], &[f64::from(n)])).collect();
        let median = Estimate::of(Figure::Quantile(50, Weather::Storm), &rounds);
        let (least, most) = median.expect("there are rounds").interval;
        assert!(1.0 < least && least < 11.0 && 11.0 < most && most < 20.0, "{least} to {most}");
    }
}
