//! What the operating system says of this process.

/// User and system seconds of this process so far, all of its threads (Linux; clock ticks of 1/100 s).
#[must_use]
pub fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Fields 14 and 15, counted behind the process's name in parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / 100.0)
}

/// Processor time from some time on.
pub(crate) struct Stopwatch(Option<f64>);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(cpu_seconds())
    }

    /// Seconds since; `None` where the system does not tell.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let (end, start) = (cpu_seconds()?, self.0?);
        // The difference of two multiples of 1/100, as one.
        Some(((end - start) * 100.0).round() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn work_takes_processor_time() {
        let watch = Stopwatch::start();
        let mut x = 1u64;
        // Ends by the clock under test.
        while watch.seconds().is_some_and(|seconds| seconds < 0.03) {
            for _ in 0..1_000_000 {
                x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005));
            }
        }
        assert!(watch.seconds().is_some_and(|seconds| seconds >= 0.03));
        assert!(cpu_seconds() >= watch.seconds());
    }
}
