//! The curve: what a decision costs against the number of blocks.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

use super::measures::Measure;
use super::report::Report;
use crate::machine::commit;

const SIZE: (u32, u32) = (1000, 680);

/// The lines, with their colours: the engine's in blues and greens, the others' in warm ones.
const LINES: [(Measure, RGBColor); 7] = [
    (Measure::CedarAlone, RGBColor(0x8c, 0x2d, 0x04)),
    (Measure::Casbin, RGBColor(0xe6, 0x55, 0x0d)),
    (Measure::Regorus, RGBColor(0xd9, 0xa1, 0x00)),
    (Measure::Cold, RGBColor(0x08, 0x30, 0x6b)),
    (Measure::PrincipalNew, RGBColor(0x21, 0x71, 0xb5)),
    (Measure::Remembered, RGBColor(0x23, 0x8b, 0x45)),
    (Measure::Hot, RGBColor(0x00, 0x44, 0x1b)),
];

/// Draws the medians of a run.
pub(super) fn draw(report: &Report<'_>, path: &Path) -> anyhow::Result<()> {
    try_draw(report, path).map_err(|error| anyhow!("can't draw `{}`: {error}", path.display()))
}

fn try_draw(report: &Report<'_>, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let caption = root.split_vertically(SIZE.1 - 28);
    let small = ("sans-serif", 13).into_font().color(&RGBColor(0x55, 0x55, 0x55));
    let words = format!(
        "Median of rounds; all candidates answer the same questions alike. Commit {}, {}.",
        commit(),
        today()
    );
    caption.1.draw(&Text::new(words, (90, 4), small))?;
    let mut chart = ChartBuilder::on(&caption.0)
        .caption("What one decision costs, by the size of the site", ("sans-serif", 24))
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(74)
        .build_cartesian_2d((8.0..125_000.0).log_scale(), (10.0..1e9).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(0xdd, 0xdd, 0xdd))
        .x_desc("folder blocks of the site")
        .y_desc("time of one decision")
        .axis_desc_style(("sans-serif", 16))
        .label_style(("sans-serif", 14))
        .x_labels(5)
        .y_labels(9)
        .x_label_formatter(&|blocks| thousands(*blocks))
        .y_label_formatter(&|nanoseconds| duration(*nanoseconds))
        .draw()?;
    for (measure, colour) in LINES {
        let points: Vec<(f64, f64)> = report
            .curve(measure)
            .into_iter()
            .filter_map(|(blocks, spread)| {
                Some((f64::from(u32::try_from(blocks).ok()?), spread.median))
            })
            .collect();
        let line = LineSeries::new(points.clone(), colour.stroke_width(2));
        let label = chart.draw_series(line)?.label(measure.name());
        label.legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(3)));
        chart.draw_series(points.iter().map(|at| Circle::new(*at, 4, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 15))
        .background_style(WHITE.mix(0.9))
        .border_style(RGBColor(0xbb, 0xbb, 0xbb))
        .legend_area_size(30)
        .draw()?;
    root.present()?;
    Ok(())
}

fn thousands(value: f64) -> String {
    let whole = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        small if small < 1e3 => (small, "ns"),
        middle if middle < 1e6 => (middle / 1e3, "µs"),
        large if large < 1e9 => (large / 1e6, "ms"),
        huge => (huge / 1e9, "s"),
    };
    format!("{value:.0} {unit}")
}

/// The day, as git writes it.
fn today() -> String {
    let output = std::process::Command::new("date").arg("+%Y-%m-%d").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "no date known".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::measures::Row;
    use crate::curve::rounds::Plan;

    #[test]
    fn labels_have_units() {
        assert_eq!(thousands(100_000.0), "100,000");
        assert_eq!(thousands(10.0), "10");
        let check = |nanoseconds, expected: &str| assert_eq!(duration(nanoseconds), expected);
        check(10.0, "10 ns");
        check(1e4, "10 µs");
        check(1e8, "100 ms");
        check(1e9, "1 s");
    }

    #[test]
    fn every_line_that_has_points_is_in_the_picture() {
        let rows: Vec<Row> = [(Measure::Hot, 40.0), (Measure::CedarAlone, 9e6)]
            .into_iter()
            .flat_map(|(measure, value)| [10, 100].map(|blocks| (measure, blocks, value)))
            .map(|(measure, blocks, value)| Row {
                measure,
                blocks,
                round: 1,
                value,
                processor: None,
                count: 1,
                load_average: String::new(),
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curve.svg");
        draw(&Report::new(&Plan::smoke(), &rows), &path).unwrap();
        let picture = std::fs::read_to_string(&path).unwrap();
        for text in ["What one decision costs", "folder blocks of the site", "hot", "Cedar alone"] {
            assert!(picture.contains(text), "no `{text}`");
        }
        assert_eq!(picture.matches("<circle").count(), 4);
    }
}
