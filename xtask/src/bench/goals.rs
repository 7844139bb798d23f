//! The goals: which benchmark is compared with which, and what the ratio must be.

use std::time::Duration;

/// Every comparison that `cargo xtask bench` prints.
pub(super) const GOALS: [Goal; 25] = [
    Goal {
        package: "picot-crypto",
        name: "batch of 1,024 signatures against dalek's single verify",
        measure: Measure::Ratio {
            numerator: "crypto/dalek_single_1024",
            denominator: "crypto/batch_1024",
        },
        bound: Bound::AtLeast(2.2),
        rule: "issue 2, speed",
    },
    Goal {
        package: "picot-models",
        name: "hash and verify a block of 10,000 transfers against decode and encode it",
        measure: Measure::Ratio {
            numerator: "block_codec/hash_and_verify_10000",
            denominator: "block_codec/decode_encode_10000",
        },
        bound: Bound::AtLeast(5.0),
        rule: "issue 2, speed",
    },
    Goal {
        package: "picot-selector",
        name: "all draws of a slot against BLAKE3 of 64 bytes",
        measure: Measure::Ratio {
            numerator: "selector/draws_of_slot",
            denominator: "selector/blake3_64_bytes",
        },
        bound: Bound::AtMost(20.0),
        rule: "issue 2, speed",
    },
    Goal {
        package: "picot-selector",
        name: "prepare a cycle of 10,000 stakers",
        measure: Measure::Time("selector/prepare_10000"),
        bound: Bound::None,
        rule: "issue 2, speed",
    },
    Goal {
        package: "picot-selector",
        name: "prepare a cycle of 1,000,000 stakers",
        measure: Measure::Time("selector/prepare_1000000"),
        bound: Bound::None,
        rule: "issue 2, speed",
    },
    Goal {
        package: "picot-pool",
        name: "verify 1,024 signatures against adding their operations",
        measure: Measure::Ratio {
            numerator: "pool/verify_batch_1024",
            denominator: "pool/add_operations_1024",
        },
        bound: Bound::AtLeast(0.8),
        rule: "issue 4, speed",
    },
    Goal {
        package: "picot-block-factory",
        name: "a block of 10,000 from 1,000,000 pending against copying, hashing and checking it",
        measure: Measure::Ratio {
            numerator: "block_assembly/block_of_10000_from_1000000",
            denominator: "block_assembly/copy_hash_check_of_1000000",
        },
        bound: Bound::AtMost(3.0),
        rule: "issue 4, speed",
    },
    Goal {
        package: "picot-block-factory",
        name: "a block of 10,000 from 1,000,000 pending against from 10,000",
        measure: Measure::Ratio {
            numerator: "block_assembly/block_of_10000_from_1000000",
            denominator: "block_assembly/block_of_10000_from_10000",
        },
        bound: Bound::AtMost(1.2),
        rule: "issue 4, speed",
    },
    Goal {
        package: "picot-pool",
        name: "batch of 1,024 from 1,000,000 pending against from 10,000",
        measure: Measure::Ratio {
            numerator: "pool/batch_1024_of_1000000",
            denominator: "pool/batch_1024_of_10000",
        },
        bound: Bound::AtMost(2.0),
        rule: "issue 2, speed",
    },
    Goal {
        package: "picot-execution",
        name: "final transfers against their state hash alone (processor time)",
        measure: Measure::Ratio {
            numerator: "execution/state_hash_only",
            denominator: "execution/transfers_final",
        },
        bound: Bound::AtLeast(0.6),
        rule: "issue 4, speed",
    },
    Goal {
        package: "picot-execution",
        name: "10,000 final transfers, as somebody waits for them",
        measure: Measure::Time("execution/transfers_final_wall"),
        bound: Bound::None,
        rule: "issue 4, speed",
    },
    Goal {
        package: "picot-execution",
        name: "end of a cycle of 100,000 stakers against half a slot of production (250 ms)",
        measure: Measure::Time("execution/cycle_end_100000"),
        // Half of `t0_ms / thread_count` of the production parameters, in nanoseconds.
        bound: Bound::AtMost(250_000_000.0),
        rule: "issue 4, speed",
    },
    Goal {
        package: "picot-execution",
        name: "the same, and coins of all 100,000 come due",
        measure: Measure::Time("execution/cycle_end_100000_all_due"),
        bound: Bound::None,
        rule: "issue 4, speed",
    },
    Goal {
        package: "picot-consensus",
        name: "decision of 4 validators, each, against its signatures",
        measure: Measure::Ratio {
            numerator: "consensus/decision_n4",
            denominator: "consensus/floor_n4",
        },
        bound: Bound::AtMost(1.25),
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-consensus",
        name: "decision of 16 validators, each, against its signatures",
        measure: Measure::Ratio {
            numerator: "consensus/decision_n16",
            denominator: "consensus/floor_n16",
        },
        bound: Bound::AtMost(1.25),
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-consensus",
        name: "decision of 64 validators, each, against its signatures",
        measure: Measure::Ratio {
            numerator: "consensus/decision_n64",
            denominator: "consensus/floor_n64",
        },
        bound: Bound::AtMost(1.25),
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-consensus",
        name: "decision of 128 validators, each, against its signatures",
        measure: Measure::Ratio {
            numerator: "consensus/decision_n128",
            denominator: "consensus/floor_n128",
        },
        bound: Bound::AtMost(1.25),
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-consensus",
        name: "the same of 4 without signatures",
        measure: Measure::Time("consensus/decision_n4_no_signatures"),
        bound: Bound::AtMost(20_000.0),
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-consensus",
        name: "the same of 16 without signatures",
        measure: Measure::Time("consensus/decision_n16_no_signatures"),
        bound: Bound::None,
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-consensus",
        name: "the same of 64 without signatures",
        measure: Measure::Time("consensus/decision_n64_no_signatures"),
        bound: Bound::AtMost(200_000.0),
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-consensus",
        name: "the same of 128 without signatures",
        measure: Measure::Time("consensus/decision_n128_no_signatures"),
        bound: Bound::None,
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-consensus",
        name: "the same of 4, a step for each message",
        measure: Measure::Time("consensus/decision_n4_no_signatures_one_by_one"),
        bound: Bound::None,
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-consensus",
        name: "the same of 64, a step for each message",
        measure: Measure::Time("consensus/decision_n64_no_signatures_one_by_one"),
        bound: Bound::None,
        rule: "design 07, to show 5",
    },
    Goal {
        package: "picot-database",
        name: "a final slot of 10,000 transfers to disk against the engine's own batch of it",
        measure: Measure::Ratio {
            numerator: "database/final_slot_10000_transfers",
            denominator: "database/engine_batch_10000_transfers",
        },
        bound: Bound::AtMost(2.0),
        rule: "issue 6, speed",
    },
    Goal {
        package: "picot-bootstrap",
        name: "bootstrap of 1,000,000 accounts against copying and hashing the same bytes",
        measure: Measure::Ratio {
            numerator: "bootstrap/bootstrap_1000000",
            denominator: "bootstrap/copy_and_hash_1000000",
        },
        bound: Bound::AtMost(3.0),
        rule: "issue 6, speed",
    },
];

/// A comparison; benchmarks are named `group/bench`.
pub(super) struct Goal {
    pub(super) package: &'static str,
    pub(super) name: &'static str,
    pub(super) measure: Measure,
    pub(super) bound: Bound,
    /// Where the goal comes from.
    pub(super) rule: &'static str,
}

#[derive(Clone, Copy)]
pub(super) enum Measure {
    /// The time of one divided by the time of the other, both of the same run.
    Ratio {
        numerator: &'static str,
        denominator: &'static str,
    },
    /// A time on its own, in nanoseconds: no machine can be held to it, but to an order of magnitude
    /// where the design names one.
    Time(&'static str),
}

#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Reported only.
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    Met,
    Missed,
    NotMeasured,
    #[default]
    Reported,
}

/// A comparison that was made, ready to be shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) measured: String,
    pub(super) goal: String,
    pub(super) verdict: Verdict,
    pub(super) rule: &'static str,
}

impl Goal {
    /// Compares, with the median time in nanoseconds of a benchmark, or why there is none.
    pub(super) fn compare(&self, median: &dyn Fn(&str) -> Result<f64, String>) -> Line {
        let (measured, verdict) = match self.measure(median) {
            Ok((value, text)) => (text, self.bound.verdict(value)),
            Err(why) if matches!(self.bound, Bound::None) => (why, Verdict::Reported),
            Err(why) => (why, Verdict::NotMeasured),
        };
        Line {
            name: self.name,
            measured,
            goal: self.bound.shown(self.measure),
            verdict,
            rule: self.rule,
        }
    }

    fn measure(
        &self,
        median: &dyn Fn(&str) -> Result<f64, String>,
    ) -> Result<(f64, String), String> {
        match self.measure {
            Measure::Time(bench) => median(bench).map(|time| (time, shown_time(time))),
            Measure::Ratio {
                numerator,
                denominator,
            } => {
                let (above, below) = (median(numerator)?, median(denominator)?);
                if below <= 0.0 {
                    return Err(format!("{denominator} took no time"));
                }
                let ratio = above / below;
                Ok((
                    ratio,
                    format!("{ratio:.2} ({} / {})", shown_time(above), shown_time(below)),
                ))
            }
        }
    }
}

impl Bound {
    fn verdict(self, value: f64) -> Verdict {
        let met = match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::None => return Verdict::Reported,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }

    fn shown(self, measure: Measure) -> String {
        let value = |value: f64| match measure {
            Measure::Ratio { .. } => value.to_string(),
            Measure::Time(_) => shown_time(value),
        };
        match self {
            Self::AtLeast(least) => format!("at least {}", value(least)),
            Self::AtMost(most) => format!("at most {}", value(most)),
            Self::None => String::new(),
        }
    }
}

impl Line {
    pub(super) fn row(&self) -> [String; 5] {
        let verdict = match self.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::NotMeasured => "NOT MEASURED",
            Verdict::Reported => "",
        };
        [
            self.name.into(),
            self.measured.clone(),
            self.goal.clone(),
            verdict.into(),
            self.rule.into(),
        ]
    }
}

/// A time with three or four digits that matter.
fn shown_time(nanoseconds: f64) -> String {
    match Duration::try_from_secs_f64(nanoseconds / 1e9) {
        Ok(time) if time >= Duration::from_micros(1) => format!("{time:.1?}"),
        _ => format!("{nanoseconds:.1}ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(bound: Bound, above: f64, below: f64) -> Line {
        let measure = Measure::Ratio {
            numerator: "g/above",
            denominator: "g/below",
        };
        let goal = Goal {
            package: "p",
            name: "n",
            measure,
            bound,
            rule: "r",
        };
        goal.compare(&|bench| Ok(if bench == "g/above" { above } else { below }))
    }

    #[test]
    fn a_ratio_on_the_bound_is_met_and_beyond_it_is_missed() {
        assert_eq!(
            ratio(Bound::AtLeast(2.0), 200.0, 100.0).verdict,
            Verdict::Met
        );
        assert_eq!(
            ratio(Bound::AtLeast(2.0), 199.0, 100.0).verdict,
            Verdict::Missed
        );
        assert_eq!(
            ratio(Bound::AtMost(2.0), 200.0, 100.0).verdict,
            Verdict::Met
        );
        assert_eq!(
            ratio(Bound::AtMost(2.0), 201.0, 100.0).verdict,
            Verdict::Missed
        );
        assert_eq!(ratio(Bound::None, 201.0, 100.0).verdict, Verdict::Reported);
    }

    #[test]
    fn the_ratio_and_both_times_are_shown() {
        assert_eq!(
            ratio(Bound::None, 14_000_000.0, 500.0).measured,
            "28000.00 (14.0ms / 500.0ns)"
        );
    }

    #[test]
    fn a_goal_is_shown_in_the_unit_of_what_is_measured() {
        assert_eq!(ratio(Bound::AtMost(1.25), 1.0, 1.0).goal, "at most 1.25");
        let goal = Goal {
            package: "p",
            name: "n",
            measure: Measure::Time("g/b"),
            bound: Bound::AtMost(20_000.0),
            rule: "r",
        };
        let line = goal.compare(&|_| Ok(18_000.0));
        assert_eq!(
            (line.goal.as_str(), line.verdict),
            ("at most 20.0µs", Verdict::Met)
        );
    }

    #[test]
    fn a_missing_or_impossible_measurement_is_not_met_and_says_why() {
        assert_eq!(
            ratio(Bound::AtLeast(2.0), 1.0, 0.0).verdict,
            Verdict::NotMeasured
        );
        let goal = Goal {
            package: "p",
            name: "n",
            measure: Measure::Time("g/b"),
            bound: Bound::AtMost(1.0),
            rule: "r",
        };
        let line = goal.compare(&|bench| Err(format!("no {bench}")));
        assert_eq!(
            (line.verdict, line.measured.as_str()),
            (Verdict::NotMeasured, "no g/b")
        );
    }
}
