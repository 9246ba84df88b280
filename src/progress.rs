//! Live progress by layer, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use privet_run::Progress;

/// A bar that names the current layer and estimates the rest; silent where nobody looks.
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar for one inference.
    pub(crate) fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(0)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(
            "{msg:24!} {bar:32} {percent:>3} %  {human_pos}/{human_len} gates  {eta} left",
        ) {
            bar.set_style(style);
        }
        Self { bar }
    }
}

/// A bar over things that are done one after the other; silent where nobody looks.
pub(crate) struct Steps {
    bar: ProgressBar,
}

impl Steps {
    /// A bar over `count` things.
    pub(crate) fn new(count: u64) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(count)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len}  {msg}  {eta} left") {
            bar.set_style(style);
        }
        bar.tick();
        Self { bar }
    }

    /// One more is done; `line`: what it took.
    pub(crate) fn advance(&mut self, line: &str) {
        self.bar.set_message(line.to_owned());
        self.bar.inc(1);
    }

    /// All are done.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn layer(&mut self, name: &str, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(name.to_owned());
        self.bar.tick();
    }

    fn finished(&mut self) {
        self.bar.finish_and_clear();
    }
}
