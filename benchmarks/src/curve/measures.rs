//! What is measured, and the rows that come of it.

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// The same question again.
    Hot,
    /// Asked before, but so many others since that the thread's own table has forgotten it.
    Remembered,
    /// Somebody with the same roles was there: who asks is new.
    RolesKnown,
    /// The policies are compiled: the roles of who asks are new.
    PrincipalNew,
    /// Nobody was there.
    Cold,
    CedarAlone,
    Casbin,
    Regorus,
    /// The documents' text to the checked model.
    LoadCheck,
    /// The model to an engine that has answered once.
    LoadEngine,
    /// The self-probe of every block, before the gateway puts an engine in force.
    LoadProbe,
    /// All three.
    Load,
    /// One changed document to an engine in force.
    Reload,
    /// Resident memory of a process that has loaded a site, and answered once.
    Resident,
    /// The most that it was until then.
    Peak,
    /// Resident memory after the self-probe.
    ResidentProbed,
    /// Resident memory of the gateway itself, before its first request.
    Gateway,
    /// What one live session takes.
    Session,
    /// Decisions a second.
    OneThread,
    TwoThreads,
}

/// The decisions of the engine, from the cheapest.
pub(super) const OWN: [Measure; 5] =
    [Measure::Hot, Measure::Remembered, Measure::RolesKnown, Measure::PrincipalNew, Measure::Cold];
pub(super) const RIVALS: [Measure; 3] = [Measure::CedarAlone, Measure::Casbin, Measure::Regorus];
pub(super) const LOADING: [Measure; 5] =
    [Measure::LoadCheck, Measure::LoadEngine, Measure::LoadProbe, Measure::Load, Measure::Reload];
pub(super) const MEMORY: [Measure; 4] =
    [Measure::Resident, Measure::Peak, Measure::ResidentProbed, Measure::Gateway];

impl Measure {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Remembered => "remembered",
            Self::RolesKnown => "roles known",
            Self::PrincipalNew => "principal new",
            Self::Cold => "cold",
            Self::CedarAlone => "Cedar alone",
            Self::Casbin => "casbin",
            Self::Regorus => "regorus",
            Self::LoadCheck => "load: check documents",
            Self::LoadEngine => "load: engine, first answer",
            Self::LoadProbe => "load: self-probe",
            Self::Load => "load: all",
            Self::Reload => "reload after one change",
            Self::Resident => "loaded",
            Self::ResidentProbed => "loaded and probed",
            Self::Peak => "peak while loading",
            Self::Gateway => "gateway, idle",
            Self::Session => "a live session",
            Self::OneThread => "hot, 1 thread",
            Self::TwoThreads => "hot, 2 threads",
        }
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Hot
            | Self::Remembered
            | Self::RolesKnown
            | Self::PrincipalNew
            | Self::Cold
            | Self::CedarAlone
            | Self::Casbin
            | Self::Regorus => "ns",
            Self::LoadCheck | Self::LoadEngine | Self::LoadProbe | Self::Load | Self::Reload => {
                "ms"
            }
            Self::Resident | Self::ResidentProbed | Self::Peak | Self::Gateway => "MiB",
            Self::Session => "KiB",
            Self::OneThread | Self::TwoThreads => "decisions/s",
        }
    }
}

/// One figure of one round.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) measure: Measure,
    pub(super) blocks: usize,
    pub(super) round: u32,
    pub(super) value: f64,
    /// The same of the processor's time, where there is one.
    pub(super) processor: Option<f64>,
    /// How many decisions or repetitions it is the mean of.
    pub(super) count: u32,
    /// The machine's load average of the last minute, when the row was made.
    pub(super) load_average: String,
}

/// The rows, as they were measured.
pub(super) fn csv(rows: &[Row]) -> String {
    let mut text = String::from("measure,blocks,round,unit,value,cpu,count,load_average\n");
    for row in rows {
        let fields = [
            format!("\"{}\"", row.measure.name()),
            row.blocks.to_string(),
            row.round.to_string(),
            row.measure.unit().to_owned(),
            format!("{:.3}", row.value),
            row.processor.map_or_else(String::new, |value| format!("{value:.3}")),
            row.count.to_string(),
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

    #[test]
    fn rows_are_kept_as_they_are() {
        let row = Row {
            measure: Measure::CedarAlone,
            blocks: 10,
            round: 2,
            value: 1234.5,
            processor: None,
            count: 40,
            load_average: "0.10".to_owned(),
        };
        let kept = csv(&[row]);
        assert_eq!(kept.lines().nth(1), Some("\"Cedar alone\",10,2,ns,1234.500,,40,0.10"));
    }
}
