//! Maxima, limits, pools and the index of the greatest number against the clear meaning.

use privet_gmw::ideal::Both;
use privet_plan::cost::gmw::{self as cost, average};
use privet_plan::tournament::Tournament;
use privet_prim::{Block, Prg};
use privet_ring::{Ring, Shares, open};

use super::pair::{Setting, check_cost, run, split, values};
use super::parties::everyone;

fn ring(bits: u32) -> Ring {
    Ring::new(bits).unwrap()
}

fn opened(x: &Both) -> Vec<i64> {
    open(&x.0, &x.1).unwrap()
}

#[test]
fn the_greater_and_the_lesser_of_two() {
    for bits in [2, 8, 16, 37, 64] {
        let edges = values(ring(bits), 3, 100);
        let a: Vec<i64> = edges.iter().flat_map(|v| [*v; 3]).collect();
        let turned = |by: usize| edges.iter().cycle().skip(by).take(100);
        let thirds = turned(0).zip(turned(1)).zip(turned(40));
        let b: Vec<i64> = thirds.flat_map(|((a, b), c)| [*a, *b, *c]).collect();
        let (x, y) = (split(ring(bits), &a), split(ring(bits), &b));
        // Where the difference wraps, all wrap alike.
        let wide = |f: fn(i128) -> i128| {
            let pairs = a.iter().zip(&b).map(|(a, b)| {
                let difference = ring(bits).wrap(a.wrapping_sub(*b));
                ring(bits).wrap_wide(f(difference.into()) + i128::from(*b))
            });
            pairs.collect::<Vec<i64>>()
        };
        let (greater, lesser) = (wide(|d| d.max(0)), wide(|d| d - d.max(0)));
        for (((a, b), max), min) in a.iter().zip(&b).zip(&greater).zip(&lesser) {
            let fits = ring(bits).contains(a.saturating_sub(*b)) || bits == 64;
            if fits && a.checked_sub(*b).is_some() {
                assert_eq!((max, min), (a.max(b), a.min(b)));
            }
        }
        everyone(128, |parties| {
            assert_eq!(opened(&parties.max(&x, &y)), greater, "{bits}");
            assert_eq!(opened(&parties.min(&x, &y)), lesser, "{bits}");
        });
    }
}

#[test]
fn limits_hold() {
    for (bits, lo, hi) in [
        (8, -5, 77),
        (16, 0, 6 << 8),
        (37, -(1 << 20), 1 << 30),
        (9, 3, 3),
    ] {
        let values: Vec<i64> = values(ring(bits), 3, 200);
        let x = split(ring(bits), &values);
        // Numbers so far away that a difference wraps have no limits to keep.
        let near = |v: &i64| ring(bits).contains(v - lo) && ring(bits).contains(v - hi);
        everyone(1 << 15, |parties| {
            let got = opened(&parties.clip(&x, lo, hi));
            for (v, got) in values.iter().zip(got).filter(|(v, _)| near(v)) {
                assert_eq!(got, (*v).clamp(lo, hi), "{bits} {lo} {hi}");
            }
        });
    }
    let x = Shares::zeros(ring(8), 1);
    let ask = |lo, hi| {
        let (refused, _, _) = run(
            Setting::default(),
            |p| Ok(p.clip(&x, lo, hi).is_err()),
            |_| Ok(()),
        );
        assert!(refused);
    };
    ask(-129, 0);
    ask(0, 128);
    ask(1, 0);
}

/// Shares in a wider ring: signs are read in the ring of the numbers, results keep their sign.
#[test]
fn fewer_bits_than_the_shares_have_are_compared() {
    for (sign_bits, bits) in [(8, 37), (16, 17), (25, 64), (16, 16)] {
        let numbers = values(ring(sign_bits), 3, 120);
        let x = split(ring(bits), &numbers);
        let turned: Vec<i64> = numbers.iter().rev().copied().collect();
        let y = split(ring(bits), &turned);
        let all = Tournament::new(40, (0..20).map(|i| vec![vec![2 * i, 2 * i + 1]])).unwrap();
        let setting = Setting::default();
        let ((cx, sx), (cy, sy)) = ((&x.0, &x.1), (&y.0, &y.1));
        let (c, s, moved) = run(
            setting,
            |p| {
                let max = p.max_within(cx, cy, sign_bits)?;
                let clip = p.clip_within(cx, -3, 100, sign_bits)?;
                Ok([max, clip, p.max_pool_within(cx, 3, &all, sign_bits)?])
            },
            |p| {
                let max = p.max_within(sx, sy, sign_bits)?;
                let clip = p.clip_within(sx, -3, 100, sign_bits)?;
                Ok([max, clip, p.max_pool_within(sx, 3, &all, sign_bits)?])
            },
        );
        let own = ring(sign_bits);
        // The oracle's: by the difference modulo the numbers' own ring.
        let max = |a: i64, b: i64| own.wrap(b + own.wrap(a - b).max(0));
        let min = |a: i64, b: i64| own.wrap(a - own.wrap(a - b).max(0));
        let pairs = numbers.iter().zip(&turned).map(|(a, b)| max(*a, *b));
        assert_eq!(open(&c[0], &s[0]).unwrap(), pairs.collect::<Vec<_>>());
        let clips = numbers.iter().map(|v| min(max(*v, -3), 100));
        assert_eq!(open(&c[1], &s[1]).unwrap(), clips.collect::<Vec<_>>());
        let pools = numbers.chunks(2).map(|pair| max(pair[0], pair[1]));
        assert_eq!(open(&c[2], &s[2]).unwrap(), pools.collect::<Vec<_>>());
        let shape = setting.shape;
        let mut cost = cost::max(120, sign_bits, bits, shape).unwrap();
        cost.then(&cost::clip(120, sign_bits, bits, shape).unwrap(), 1);
        cost.then(&all.cost(3, sign_bits, bits, shape, 1 << 15).unwrap(), 1);
        check_cost(&moved, &cost);
    }
}

/// Windows of a pool over one plane; cells outside are absent.
fn windows(
    [height, width]: [usize; 2],
    kernel: usize,
    stride: usize,
    pad: usize,
    ceil: bool,
) -> Vec<Vec<Vec<u32>>> {
    let out = |n: usize| {
        let room = n + 2 * pad - kernel;
        if ceil {
            room.div_ceil(stride) + 1
        } else {
            room / stride + 1
        }
    };
    let cells = |at: usize, n: usize| {
        let start = at * stride;
        (start.max(pad)..(start + kernel).min(n + pad)).map(move |i| i - pad)
    };
    let mut all = Vec::new();
    for y in 0..out(height) {
        for x in 0..out(width) {
            let rows = cells(y, height).map(|y| {
                let row = cells(x, width).map(|x| u32::try_from(y * width + x).unwrap());
                row.collect::<Vec<u32>>()
            });
            let rows: Vec<Vec<u32>> = rows.filter(|row| !row.is_empty()).collect();
            if !rows.is_empty() {
                all.push(rows);
            }
        }
    }
    all
}

#[test]
fn pools_take_the_greatest_of_each_window() {
    for (size, kernel, stride, pad, ceil) in [
        ([7, 7], 3, 2, 0, false),
        ([6, 5], 3, 2, 1, true),
        ([4, 6], 2, 2, 0, false),
        ([5, 5], 2, 1, 1, false),
        ([3, 3], 3, 1, 0, false),
        ([4, 4], 1, 2, 0, false),
    ] {
        let windows = windows(size, kernel, stride, pad, ceil);
        let planes = 3;
        // One bit less than the ring: all differences fit.
        let values = values(ring(15), 3, planes * size[0] * size[1]);
        let x = split(ring(16), &values);
        let mut expected = Vec::new();
        for plane in values.chunks(size[0] * size[1]) {
            for window in &windows {
                let cells = window.iter().flatten().map(|cell| plane[*cell as usize]);
                expected.push(cells.max().unwrap());
            }
        }
        everyone(64, |parties| {
            let got = parties.max_pool(&x, planes, &windows);
            assert_eq!(opened(&got), expected, "{size:?} {kernel} {stride} {pad}");
        });
    }
    let few = Tournament::of_all(4).unwrap();
    let x = Shares::zeros(ring(8), 7);
    let (refused, _, _) = run(
        Setting::default(),
        |p| Ok(p.max_pool(&x, 2, &few).is_err()),
        |_| Ok(()),
    );
    assert!(refused);
}

#[test]
fn averages_round_to_nearest_ties_up() {
    for (bits, out, shift) in [(16, 16, 0), (16, 12, 4), (37, 25, 12)] {
        let size = [5, 4];
        let values: Vec<i64> = values(ring(bits - 5), 3, 20);
        let x = split(ring(bits), &values);
        let mut groups: Vec<(u64, Vec<Vec<u32>>)> = Vec::new();
        for window in windows(size, 3, 2, 1, true) {
            let window: Vec<u32> = window.concat();
            let divisor = (window.len() as u64) << shift;
            match groups.iter_mut().find(|(d, _)| *d == divisor) {
                Some((_, windows)) => windows.push(window),
                None => groups.push((divisor, vec![window])),
            }
        }
        groups.push((1, vec![vec![0], vec![19]]));
        for (divisor, windows) in groups {
            let d = i64::try_from(divisor).unwrap();
            let expected = windows.iter().map(|window| {
                let sum: i64 = window.iter().map(|cell| values[*cell as usize]).sum();
                ring(out).wrap((sum + d / 2).div_euclid(d))
            });
            let expected: Vec<i64> = expected.collect();
            let setting = Setting::default();
            let (c, s, moved) = run(
                setting,
                |p| p.avg_pool(&x.0, &windows, divisor, ring(out)),
                |p| p.avg_pool(&x.1, &windows, divisor, ring(out)),
            );
            assert_eq!(open(&c, &s).unwrap(), expected, "{bits} {divisor}");
            let n = windows.len() as u64;
            check_cost(
                &moved,
                &average(n, bits, divisor, out, setting.shape).unwrap(),
            );
        }
    }
    let x = Shares::zeros(ring(8), 3);
    let (refused, _, _) = run(
        Setting::default(),
        |p| Ok(p.avg_pool(&x, &[vec![0, 3]], 2, ring(8)).is_err()),
        |_| Ok(()),
    );
    assert!(refused);
}

#[test]
fn the_lowest_index_of_the_greatest_number_is_all_that_is_learnt() {
    let mut prg = Prg::new(Block::from(7));
    for (ring_bits, value_bits, count, groups) in [
        (16, 16, 10, 9),
        (16, 9, 10, 4),
        (37, 25, 33, 3),
        (8, 3, 2, 70),
        (63, 59, 9, 2),
        (8, 8, 1, 5),
    ] {
        let own = ring(value_bits.max(2));
        let edges = [own.max(), own.min(), 0, -1, own.max() - 1];
        let mut numbers = Vec::new();
        for group in 0..groups {
            numbers.extend((0..count).map(|i| match group % 4 {
                0 => edges[(i + group) % edges.len()],
                1 => own.min(),
                // Ties of few values.
                2 => own.wrap((prg.next_u64() % 3).cast_signed()),
                _ => own.wrap(prg.next_u64().cast_signed()),
            }));
        }
        let x = split(ring(ring_bits), &numbers);
        let expected = numbers.chunks(count).map(|group| {
            let best = group.iter().max().unwrap();
            u32::try_from(group.iter().position(|v| v == best).unwrap()).unwrap()
        });
        let expected: Vec<u32> = expected.collect();
        everyone(64, |parties| {
            let got = parties.argmax(&x, groups, value_bits);
            assert_eq!(got, expected, "{ring_bits} {value_bits} {count}");
        });
    }
}

#[test]
fn rankings_that_do_not_exist_are_refused() {
    let x = Shares::zeros(ring(60), 12);
    let sizes = [(5, 60), (0, 60), (1, 0), (1, 61), (1, 60)];
    let (refused, _, moved) = run(
        Setting::default(),
        |p| {
            let asked = sizes.map(|(groups, bits)| p.argmax(&x, groups, bits).is_err());
            Ok(asked)
        },
        |_| Ok(()),
    );
    assert_eq!(refused, [true; 5]);
    assert_eq!(moved.client, 0);
}
