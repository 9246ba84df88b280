//! Whoever computes on shares: the ideal functionality, or two parties over a channel whose cost is checked.

use std::cell::RefCell;

use privet_gmw::Context;
use privet_gmw::ideal::{Both, Ideal};
use privet_plan::compare::{Shape, ShapeError};
use privet_plan::cost::gmw::{self as cost, Argmax, Division, OpCost, Truncation, clip, max};
use privet_plan::tournament::Tournament;
use privet_ring::{BitShares, Client, Ring, Server, Shares};

use super::pair::{Setting, check_cost, run};

/// Both parties' shares of the same bits.
pub(crate) type BothBits = (BitShares<Client>, BitShares<Server>);

/// The operations that the laws are about.
pub(crate) trait Parties {
    fn drelu(&self, x: &Both) -> BothBits;
    fn mux(&self, bits: &BothBits, x: &Both) -> Both;
    fn b2a(&self, bits: &BothBits, ring: Ring) -> Both;
    /// Bits of the server, 64 to a word.
    fn mirror(&self, x: &Both, flips: &[u64]) -> Both;
    fn relu_trunc(&self, x: &Both, shift: u32, out: Ring) -> Both;
    fn trunc(&self, x: &Both, shift: u32, out: Ring) -> Both;
    fn div(&self, x: &Both, divisor: u64, add: u64, out: Ring) -> Both;
    fn max(&self, a: &Both, b: &Both) -> Both;
    fn min(&self, a: &Both, b: &Both) -> Both;
    fn clip(&self, x: &Both, lo: i64, hi: i64) -> Both;
    /// Windows are lists of rows.
    fn max_pool(&self, x: &Both, planes: usize, windows: &[Vec<Vec<u32>>]) -> Both;
    fn argmax(&self, x: &Both, groups: usize, value_bits: u32) -> Vec<u32>;
}

impl Parties for RefCell<Ideal> {
    fn drelu(&self, x: &Both) -> BothBits {
        self.borrow_mut().drelu(x).unwrap()
    }

    fn mux(&self, bits: &BothBits, x: &Both) -> Both {
        self.borrow_mut().mux(bits, x).unwrap()
    }

    fn b2a(&self, bits: &BothBits, ring: Ring) -> Both {
        self.borrow_mut().b2a(bits, ring).unwrap()
    }

    fn mirror(&self, x: &Both, flips: &[u64]) -> Both {
        self.borrow_mut().mirror(x, flips).unwrap()
    }

    fn relu_trunc(&self, x: &Both, shift: u32, out: Ring) -> Both {
        self.borrow_mut().relu_trunc(x, shift, out).unwrap()
    }

    fn trunc(&self, x: &Both, shift: u32, out: Ring) -> Both {
        self.borrow_mut().trunc(x, shift, out).unwrap()
    }

    fn div(&self, x: &Both, divisor: u64, add: u64, out: Ring) -> Both {
        self.borrow_mut().div(x, divisor, add, out).unwrap()
    }

    fn max(&self, a: &Both, b: &Both) -> Both {
        self.borrow_mut().max(a, b).unwrap()
    }

    fn min(&self, a: &Both, b: &Both) -> Both {
        self.borrow_mut().min(a, b).unwrap()
    }

    fn clip(&self, x: &Both, lo: i64, hi: i64) -> Both {
        self.borrow_mut().clip(x, lo, hi).unwrap()
    }

    fn max_pool(&self, x: &Both, planes: usize, windows: &[Vec<Vec<u32>>]) -> Both {
        let cells = windows.iter().map(|window| {
            let cells = window.iter().flatten();
            cells.map(|cell| *cell as usize).collect()
        });
        let cells: Vec<Vec<usize>> = cells.collect();
        self.borrow_mut().max_pool(x, planes, &cells).unwrap()
    }

    fn argmax(&self, x: &Both, groups: usize, _: u32) -> Vec<u32> {
        self.borrow_mut().argmax(x, groups).unwrap()
    }
}

/// Runs the same operation at both parties, and holds bytes, material and delays to its cost.
macro_rules! both {
    ($setting:expr, $cost:expr, $x:expr, |$context:ident, $own:ident| $work:expr) => {{
        let cost: OpCost = $cost;
        // All material first: what is made in between would be waited for.
        let (client, server, moved) = run(
            $setting,
            |$context: &mut Context<'_, Client>| {
                $context.ready(&cost.demand)?;
                let $own = &$x.0;
                $work
            },
            |$context: &mut Context<'_, Server>| {
                $context.ready(&cost.demand)?;
                let $own = &$x.1;
                $work
            },
        );
        check_cost(&moved, &cost);
        assert_eq!(moved.flights, u64::from(cost.flights().count()), "flights");
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
    fn drelu(&self, x: &Both) -> BothBits {
        let bits = x.0.ring().bits();
        let cost = self.chunked(&x.0, |n| cost::drelu(n, bits, self.shape));
        both!(*self, cost, x, |p, x| p.drelu(x))
    }

    fn mux(&self, bits: &BothBits, x: &Both) -> Both {
        let width = x.0.ring().bits();
        let cost = self.chunked(&x.0, |n| Ok(cost::mux(n, width)));
        let x = ((&bits.0, &x.0), (&bits.1, &x.1));
        both!(*self, cost, x, |p, x| p.mux(x.0, x.1))
    }

    fn b2a(&self, bits: &BothBits, ring: Ring) -> Both {
        let (n, chunk) = (bits.0.len() as u64, self.chunk as u64);
        let cost = OpCost::chunked(n, chunk, |n| Ok::<_, ShapeError>(cost::b2a(n, ring.bits())));
        both!(*self, cost.unwrap(), bits, |p, x| p.b2a(x, ring))
    }

    fn mirror(&self, x: &Both, flips: &[u64]) -> Both {
        let bits = x.0.ring().bits();
        let cost = self.chunked(&x.0, |n| Ok(cost::mirror(n, bits)));
        let x = ((&x.0, &[][..]), (&x.1, flips));
        both!(*self, cost, x, |p, x| p.mirror(x.0, x.1))
    }

    fn relu_trunc(&self, x: &Both, shift: u32, out: Ring) -> Both {
        let bits = x.0.ring().bits();
        let one = |n| cost::relu_trunc(n, bits, shift, out.bits(), self.shape);
        let cost = self.chunked(&x.0, one);
        both!(*self, cost, x, |p, x| p.relu_trunc(x, shift, out))
    }

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

    fn max(&self, a: &Both, b: &Both) -> Both {
        let bits = a.0.ring().bits();
        let cost = self.chunked(&a.0, |n| max(n, bits, bits, self.shape));
        let x = ((&a.0, &b.0), (&a.1, &b.1));
        both!(*self, cost, x, |p, x| p.max(x.0, x.1))
    }

    fn min(&self, a: &Both, b: &Both) -> Both {
        let bits = a.0.ring().bits();
        let cost = self.chunked(&a.0, |n| max(n, bits, bits, self.shape));
        let x = ((&a.0, &b.0), (&a.1, &b.1));
        both!(*self, cost, x, |p, x| p.min(x.0, x.1))
    }

    fn clip(&self, x: &Both, lo: i64, hi: i64) -> Both {
        let bits = x.0.ring().bits();
        let cost = self.chunked(&x.0, |n| clip(n, bits, bits, self.shape));
        both!(*self, cost, x, |p, x| p.clip(x, lo, hi))
    }

    fn max_pool(&self, x: &Both, planes: usize, windows: &[Vec<Vec<u32>>]) -> Both {
        let inputs = x.0.len() / planes;
        let rounds = Tournament::new(inputs, windows.iter().cloned()).unwrap();
        let (bits, chunk) = (x.0.ring().bits(), self.chunk as u64);
        let cost = rounds
            .cost(planes as u64, bits, bits, self.shape, chunk)
            .unwrap();
        both!(*self, cost, x, |p, x| p.max_pool(x, planes, &rounds))
    }

    fn argmax(&self, x: &Both, groups: usize, value_bits: u32) -> Vec<u32> {
        let form = Argmax {
            ring_bits: x.0.ring().bits(),
            value_bits,
            count: u32::try_from(x.0.len() / groups).unwrap(),
        };
        let chunk = self.chunk as u64;
        let cost = form.cost(groups as u64, self.shape, chunk).unwrap();
        let got = both!(*self, cost, x, |p, x| p.argmax(x, groups, value_bits));
        assert_eq!(got.1, None, "the server learns nothing");
        got.0.unwrap()
    }
}

/// The ideal functionality, then both parties with comparisons of every shape.
pub(crate) fn everyone(chunk: usize, law: impl Fn(&dyn Parties)) {
    law(&RefCell::new(Ideal::default()));
    for shape in Shape::all() {
        law(&Setting { shape, chunk });
    }
}
