//! Whoever computes on shares: the ideal functionality, or two parties over a channel whose cost is checked.

use std::cell::RefCell;

use privet_gmw::Context;
use privet_gmw::ideal::{Both, Ideal};
use privet_plan::compare::{Shape, ShapeError};
use privet_plan::cost::gmw::{Division, OpCost, Truncation};
use privet_ring::{Client, Ring, Server, Shares};

use super::pair::{Setting, check_cost, run};

/// The operations that the laws are about.
pub(crate) trait Parties {
    fn trunc(&self, x: &Both, shift: u32, out: Ring) -> Both;
    fn div(&self, x: &Both, divisor: u64, add: u64, out: Ring) -> Both;
}

impl Parties for RefCell<Ideal> {
    fn trunc(&self, x: &Both, shift: u32, out: Ring) -> Both {
        self.borrow_mut().trunc(x, shift, out).unwrap()
    }

    fn div(&self, x: &Both, divisor: u64, add: u64, out: Ring) -> Both {
        self.borrow_mut().div(x, divisor, add, out).unwrap()
    }
}

/// Runs the same operation at both parties, and holds bytes, material and delays to its cost.
macro_rules! both {
    ($setting:expr, $cost:expr, $x:expr, |$context:ident, $own:ident| $work:expr) => {{
        let (client, server, moved) = run(
            $setting,
            |$context: &mut Context<'_, Client>| {
                let $own = &$x.0;
                $work
            },
            |$context: &mut Context<'_, Server>| {
                let $own = &$x.1;
                $work
            },
        );
        let cost: OpCost = $cost;
        check_cost(&moved, &cost);
        assert!(
            moved.flights <= u64::from(cost.latencies),
            "{} messages in {} delays",
            moved.flights,
            cost.latencies
        );
        (client, server)
    }};
}

impl Setting {
    fn chunked(
        &self,
        x: &Shares<Client>,
        cost: impl Fn(u64) -> Result<OpCost, ShapeError>,
    ) -> OpCost {
        OpCost::chunked(x.len() as u64, self.chunk as u64, cost).unwrap()
    }
}

impl Parties for Setting {
    fn trunc(&self, x: &Both, shift: u32, out: Ring) -> Both {
        let form = Truncation::floor(x.0.ring().bits(), shift, out.bits());
        let cost = self.chunked(&x.0, |n| form.cost(n, self.shape));
        both!(*self, cost, x, |p, x| p.trunc(x, shift, out))
    }

    fn div(&self, x: &Both, divisor: u64, add: u64, out: Ring) -> Both {
        let form = Division {
            ring_bits: x.0.ring().bits(),
            divisor,
            add,
            out_bits: out.bits(),
        };
        let cost = self.chunked(&x.0, |n| form.cost(n, self.shape));
        both!(*self, cost, x, |p, x| p.div(x, divisor, add, out))
    }
}

/// The ideal functionality, then both parties with comparisons of every shape.
pub(crate) fn everyone(chunk: usize, law: impl Fn(&dyn Parties)) {
    law(&RefCell::new(Ideal::default()));
    for shape in Shape::all() {
        law(&Setting { shape, chunk });
    }
}
