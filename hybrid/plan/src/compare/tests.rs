//! The design's figures, and what layouts compute.

use super::*;

/// A number known ahead saves its bits and, where it chooses, a latency; as many bits travel in all.
#[test]
fn a_number_known_ahead_saves_what_the_design_says() {
    assert_eq!(figures(Shape::FEW_TRANSFERS.ahead(), None), (312, 52, 5));
    assert_eq!(figures(Shape::FEW_BITS.ahead(), None), (234, 106, 7));
    for shape in Shape::all() {
        let (now, then) = (shape.cost(99, 36, None), shape.ahead().cost(99, 36, None));
        let (now, then) = (now.unwrap(), then.unwrap());
        assert_eq!(now.bytes(), then.bytes() + then.ahead_bytes);
        assert_eq!(transfers(&now.demand), transfers(&then.demand));
        assert_eq!(shape.ahead().fixed(), then.ahead_bytes > 0);
    }
}

fn figures(shape: Shape, cut: Option<u32>) -> (u64, u64, u32) {
    let n = 1 << 12;
    let cost = shape.cost(n, 36, cut).unwrap();
    let bits = 8 * (cost.client_bytes + cost.server_bytes) / n;
    (bits, transfers(&cost.demand) / n, cost.flights().count())
}

/// The table of the design, 37-bit DReLU.
#[test]
fn the_shapes_cost_what_the_design_says() {
    let chain = Shape {
        leaves: Leaves::SharedAnd,
        tree: Tree::Chain,
        products: Products::Plain,
        client: Operand::Online,
    };
    assert_eq!(figures(chain, None), (284, 142, 36));
    assert_eq!(figures(Shape::FEW_TRANSFERS, None), (348, 52, 6));
    assert_eq!(figures(Shape::FEW_TRANSFERS, Some(12)), (350, 52, 6));
    assert_eq!(figures(Shape::FEW_BITS, None), (270, 106, 7));
    assert_eq!(figures(Shape::FEW_BITS, Some(12)), (272, 106, 7));
}

#[test]
fn every_layout_computes_greater() {
    for shape in Shape::all() {
        for bits in [1, 2, 5, 8, 36, 64] {
            for cut in [None, Some(1), Some(bits / 2), Some(bits - 1)] {
                if cut.is_some_and(|cut| cut == 0 || cut >= bits) {
                    assert!(shape.layout(bits, cut).is_err());
                    continue;
                }
                let layout = shape.layout(bits, cut).unwrap();
                for i in 0..40u64 {
                    let mask = u64::MAX >> (64 - bits);
                    let x = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask;
                    let y = (x ^ (1 << (i % u64::from(bits)))) & mask;
                    for (x, y) in [(x, y), (y, x), (x, x)] {
                        check(&layout, x, y, cut);
                    }
                }
            }
        }
    }
}

fn check(layout: &Layout, x: u64, y: u64, cut: Option<u32>) {
    let mut nodes: Vec<(bool, Option<bool>)> = Vec::new();
    for leaf in &layout.leaves {
        let digit = |v: u64| v >> leaf.from & (u64::MAX >> (64 - leaf.bits));
        let equal = leaf.equal.then_some(digit(x) == digit(y));
        nodes.push((digit(x) > digit(y), equal));
    }
    for level in &layout.levels {
        let made: Vec<_> = level
            .iter()
            .map(|m| {
                let ((gh, eh), (gl, el)) = (nodes[m.high], nodes[m.low]);
                let common = eh.unwrap();
                (gh ^ (common & gl), m.equal.then(|| common & el.unwrap()))
            })
            .collect();
        nodes.extend(made);
    }
    assert_eq!(nodes[layout.root].0, x > y);
    if let Some(cut) = cut {
        let low = |v: u64| v & ((1 << cut) - 1);
        assert_eq!(nodes[layout.cut.unwrap()].0, low(x) > low(y));
    }
}

#[test]
fn the_choice_follows_link_and_rates() {
    let rates = Rates {
        cots: 30e6,
        ..Rates::default()
    };
    let on = |link| {
        Shape::choose(1 << 20, 36, None, &link, &rates)
            .unwrap()
            .leaves
    };
    assert!(matches!(on(LinkModel::LOOPBACK), Leaves::Transfer { .. }));
    assert_eq!(on(LinkModel::shaped(20.0, 1.0)), Leaves::PrivateAnd);
}

#[test]
fn impossible_shapes_are_refused() {
    let shape = Shape::FEW_TRANSFERS;
    assert!(shape.layout(0, None).is_err() && shape.layout(65, None).is_err());
    let leaves = Leaves::Transfer { digit_bits: 6 };
    assert!(Shape { leaves, ..shape }.layout(8, None).is_err());
}
