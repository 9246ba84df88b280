//! Options that several commands share.

use std::time::Duration;

use clap::Args;
use privet_net::Link;
use privet_plan::{Backend, Caps, Choice, LinkModel};

use crate::failure::Failure;

/// A number of bytes: digits with an optional K, M, G or T and an optional B or iB (always powers of 1024).
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(format!("'{text}' is not a size such as 300MiB")),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(1 << shift))
        .ok_or_else(|| format!("'{text}' is not a size such as 300MiB"))
}

/// Session options of both parties.
#[derive(Args, Clone)]
pub(crate) struct SessionArgs {
    /// Imitate a link: loopback, lan, wan, cryptflow2-lan, cryptflow2-wan or MBIT,MS.
    #[arg(long, value_name = "LINK", default_value = "loopback")]
    pub(crate) link: Link,
    /// Worker threads; the session uses the smaller number of both sides.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) threads: u8,
    /// Give up when the peer makes no progress for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) stall: u64,
    /// Use plain TCP without encryption or authentication. Both sides must say so.
    #[arg(long)]
    pub(crate) insecure_plain: bool,
}

impl SessionArgs {
    /// As the channel takes them.
    pub(crate) fn net(&self) -> privet_net::Options {
        privet_net::Options {
            lanes: usize::from(self.threads),
            link: self.link,
            stall: Duration::from_secs(self.stall),
            insecure_plain: self.insecure_plain,
            ..privet_net::Options::default()
        }
    }

    /// Gives kernels that compute beside each other as many threads as are asked for, for this many sessions at a time, and no more
    /// than there are cores. Once a process.
    pub(crate) fn limit_kernels(&self, sessions: usize) {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let own = usize::from(self.threads);
        let threads = own.saturating_mul(sessions.max(1)).min(cores.max(own));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        // Only a pool that exists already can refuse, and that one serves too.
        drop(pool.build_global());
    }

    /// As the cost model takes the link.
    pub(crate) fn link_model(&self) -> LinkModel {
        link_model(self.link)
    }
}

/// The link as the cost model takes it.
pub(crate) fn link_model(link: Link) -> LinkModel {
    match link {
        Link::Loopback => LinkModel::LOOPBACK,
        Link::Shaped {
            megabits,
            round_trip_ms,
        } => LinkModel::shaped(megabits, round_trip_ms),
    }
}

/// How well products under encryption hide the weights.
#[derive(Args, Clone)]
pub(crate) struct StrictArgs {
    /// Under hybrid take the largest parameters for encryption (degree 8192, three primes of 50 bits) for all layers: replies hide
    /// the weights better, for more bytes and work. In force when either party asks.
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Whether anything is prepared.
#[derive(Args, Clone)]
pub(crate) struct OnlineArgs {
    /// Under ot, gc+ot or hybrid prepare nothing before an input is known: material is made layer by layer, for the shares as they are. Less
    /// memory, but all of it between input and answer. Stored material is left alone.
    #[arg(long)]
    pub(crate) no_prepare: bool,
}

impl OnlineArgs {
    /// Refuses the wish where there is nothing that it could mean.
    pub(crate) fn suits(&self, backend: Choice) -> Result<(), Failure> {
        let mut backends = backend.backends();
        if self.no_prepare && !backends.any(Backend::shares) {
            return Err(Failure::usage(format!(
                "--no-prepare: --backend {backend} prepares nothing anyway; it is for ot, gc+ot, hybrid and auto"
            )));
        }
        Ok(())
    }
}

/// What a party accepts of a plan.
#[derive(Args, Clone)]
pub(crate) struct CapArgs {
    /// Refuse a plan that takes more memory.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = size)]
    pub(crate) max_memory: u64,
    /// Refuse a plan that moves more bytes per input.
    #[arg(long, value_name = "SIZE", default_value = "256GiB", value_parser = size)]
    pub(crate) max_bytes: u64,
    /// Refuse a plan that is estimated to take longer per input.
    #[arg(long, value_name = "SECONDS", default_value_t = 7200)]
    pub(crate) max_seconds: u64,
}

impl CapArgs {
    pub(crate) const fn caps(&self) -> Caps {
        Caps {
            memory: self.max_memory,
            bytes: self.max_bytes,
            seconds: self.max_seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes() {
        assert_eq!(size("17"), Ok(17));
        assert_eq!(size("300MiB"), Ok(300 << 20));
        assert_eq!(size("1 t"), Ok(1 << 40));
        for bad in [
            "",
            "MiB",
            "1.5G",
            "-1",
            "99999999999999999999",
            "20000000T",
            "3 apples",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
