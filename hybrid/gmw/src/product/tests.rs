//! Laws of products over every way to make them, their bytes, and hostile peers.

mod messages;

use std::thread;

use privet_net::{Channel, Session, Stats};
use privet_ot::laws::run;
use privet_ot::tweaks::{Domain, Hasher};
use privet_ot::{ApiMisuse, Error, PeerMisbehaved, ideal as ideal_ot, silent};
use privet_plan::cost::StepCost;
use privet_plan::cost::product as plan;
use privet_prim::{Block, Delta, Prg};
use privet_ring::Ring;
use privet_ring::linear::{Conv, Geometry};

use super::drive::{self, Mode};
use super::schedule::BATCH;
use super::*;

fn conv(change: impl FnOnce(&mut Conv)) -> Geometry {
    let mut conv = Conv {
        in_channels: 2,
        out_channels: 3,
        groups: 1,
        image: [5, 4],
        kernel: [3, 3],
        strides: [1, 1],
        dilations: [1, 1],
        pads_before: [1, 1],
        pads_after: [1, 1],
    };
    change(&mut conv);
    Geometry::convolution(&conv).unwrap()
}

fn geometries() -> Vec<Geometry> {
    vec![
        Geometry::matrix(1, 1, 1).unwrap(),
        Geometry::matrix(5, 7, 1).unwrap(),
        Geometry::matrix(3, 4, 9).unwrap(),
        conv(|_| {}),
        conv(|c| c.strides = [2, 3]),
        conv(|c| c.dilations = [2, 1]),
        conv(|c| (c.in_channels, c.out_channels, c.groups) = (4, 6, 2)),
        conv(|c| (c.in_channels, c.out_channels, c.groups) = (3, 3, 3)),
        conv(|c| (c.pads_before, c.pads_after) = ([3, 0], [0, 4])),
    ]
}

fn ring(bits: u32) -> Ring {
    Ring::new(bits).unwrap()
}

/// Numbers with edges among them, within `bits` bits.
fn numbers(n: usize, bits: u32, signed: bool, seed: u128) -> Vec<i64> {
    let mut prg = Prg::new(Block::from(seed));
    (0..n)
        .map(|i| {
            let word = match i % 7 {
                0 => 0,
                1 => u64::MAX,
                2 => 1 << (bits - 1),
                _ => prg.next_u64(),
            };
            let word = word << (64 - bits);
            if signed {
                word.cast_signed() >> (64 - bits)
            } else {
                (word >> (64 - bits)).cast_signed()
            }
        })
        .collect()
}

fn words(numbers: &[i64]) -> Vec<u64> {
    numbers.iter().map(|v| v.cast_unsigned()).collect()
}

/// Product by product, mod 2^l.
fn expected(geometry: &Geometry, ring: Ring, weights: &[u64], x: &[u64]) -> Vec<u64> {
    let mut z = vec![0u64; geometry.outputs()];
    let mut uses = Vec::new();
    for (q, w) in weights.iter().enumerate() {
        geometry.uses_of_weight(q, &mut uses);
        for at in &uses {
            z[at.output] = z[at.output].wrapping_add(w.wrapping_mul(x[at.partner]));
        }
    }
    z.iter()
        .map(|z| z & (u64::MAX >> (64 - ring.bits())))
        .collect()
}

fn sum(ring: Ring, a: &[u64], b: &[u64]) -> Vec<u64> {
    let mask = u64::MAX >> (64 - ring.bits());
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            assert!(*a <= mask && *b <= mask, "a share is not reduced");
            a.wrapping_add(*b) & mask
        })
        .collect()
}

/// Choosers, the sender's share, the receiver's, the sender's counters.
type Made = (Vec<u64>, Vec<u64>, Vec<u64>, Stats);

/// One product over ideal correlated OTs.
fn over_cots(
    schedule: &Schedule<'_>,
    mode: Mode,
    operands: &[u64],
    choosers: &[u64],
) -> Result<Made, Error> {
    let (mut s, mut r) = ideal_ot::deal(Block::random(), Delta::random());
    let (left, (choosers, right), stats) = run(
        |ch| {
            let mut role = drive::Sender::new(privet_ot::rcot::RcotSender::hash_key(&s));
            let core = Sender::new(*schedule, operands)?;
            role.multiply(ch, &mut s, mode, core)
        },
        |ch| {
            let mut role = drive::Receiver::new(privet_ot::rcot::RcotReceiver::hash_key(&r));
            let core = match mode {
                Mode::Chosen => Receiver::new(*schedule, choosers.to_vec())?,
                Mode::Random => Receiver::random(*schedule),
            };
            role.multiply(ch, &mut r, mode, core)
        },
    )?;
    Ok((choosers, left, right, stats))
}

fn by_the_dealer(
    schedule: &Schedule<'_>,
    mode: Mode,
    operands: &[u64],
    choosers: &[u64],
) -> Result<Made, Error> {
    let seed = Block::random();
    let (left, (choosers, right), stats) = run(
        |ch| ideal::End::new(seed).send(ch, schedule, operands),
        |ch| ideal::End::new(seed).receive(ch, mode, schedule, choosers.to_vec()),
    )?;
    Ok((choosers, left, right, stats))
}

fn law(way: impl Fn(&Schedule<'_>, Mode, &[u64], &[u64]) -> Result<Made, Error>) {
    for (g, geometry) in geometries().iter().enumerate() {
        for (bits, width, signed) in [
            (8, 8, true),
            (8, 3, true),
            (17, 1, false),
            (28, 14, true),
            (37, 13, true),
            (37, 37, false),
            (48, 64, true),
            (64, 64, true),
            (64, 20, false),
        ] {
            for (choosers, mode) in [
                (Choosers::Weights, Mode::Chosen),
                (Choosers::Inputs, Mode::Chosen),
                (Choosers::Inputs, Mode::Random),
            ] {
                let ring = ring(bits);
                let schedule = Schedule::new(geometry, ring, choosers, width, signed).unwrap();
                let seed = 100 * g as u128 + u128::from(bits);
                let own = words(&numbers(schedule.operands(), bits, false, seed));
                let chosen = numbers(schedule.choosers(), schedule.bits(), signed, seed + 1);
                let (drawn, left, right, _) = way(&schedule, mode, &own, &words(&chosen)).unwrap();
                let given: Vec<u64> = words(&chosen).iter().map(|c| c & schedule.mask()).collect();
                match mode {
                    Mode::Chosen => assert_eq!(drawn, given),
                    Mode::Random => assert!(drawn.iter().all(|c| *c <= schedule.mask())),
                }
                let (weights, inputs) = match choosers {
                    Choosers::Weights => (&drawn, &own),
                    Choosers::Inputs => (&own, &drawn),
                };
                assert_eq!(
                    sum(ring, &left, &right),
                    expected(geometry, ring, weights, inputs),
                    "geometry {g}, {bits} bits, width {width} {signed}, {choosers:?} {mode:?}"
                );
            }
        }
    }
}

#[test]
fn the_functionality_obeys_the_law() {
    law(by_the_dealer);
}

#[test]
fn the_protocol_obeys_the_law() {
    law(over_cots);
}

#[test]
fn several_batches_and_long_messages() {
    let ring = ring(32);
    let many = Geometry::matrix(100, 90, 1).unwrap();
    assert!(many.weights() * 32 > BATCH);
    let long = Geometry::matrix(1, 2, 20_000).unwrap();
    for geometry in [many, long] {
        for choosers in [Choosers::Weights, Choosers::Inputs] {
            let schedule = Schedule::new(&geometry, ring, choosers, 32, true).unwrap();
            let own = words(&numbers(schedule.operands(), 32, false, 5));
            let chosen = words(&numbers(schedule.choosers(), 32, false, 6));
            let (_, left, right, _) = over_cots(&schedule, Mode::Chosen, &own, &chosen).unwrap();
            let (weights, inputs) = match choosers {
                Choosers::Weights => (&chosen, &own),
                Choosers::Inputs => (&own, &chosen),
            };
            assert_eq!(
                sum(ring, &left, &right),
                expected(&geometry, ring, weights, inputs)
            );
        }
    }
}

#[test]
fn measured_bytes_are_the_plans() {
    let mut shapes = geometries();
    shapes.push(Geometry::matrix(100, 90, 1).unwrap());
    for geometry in &shapes {
        for (bits, weight_bits) in [(8, 3), (37, 13), (64, 64)] {
            for inputs in [
                Inputs::Random,
                Inputs::Chosen,
                Inputs::Narrow {
                    bits: 1,
                    signed: false,
                },
                Inputs::Narrow {
                    bits: 5,
                    signed: true,
                },
            ] {
                for choosers in [Choosers::Weights, Choosers::Inputs] {
                    let layer = Layer {
                        geometry,
                        ring: ring(bits),
                        weight_bits,
                        choosers,
                        inputs,
                    };
                    let (cost, stats) = (planned(&layer), layer_run(&layer).1.total());
                    assert_eq!(
                        (stats.sent_bytes, stats.received_bytes),
                        (cost.client_bytes, cost.server_bytes),
                        "{layer:?}"
                    );
                    let transfers = layer.schedule().unwrap();
                    assert_eq!(
                        cost.cots,
                        transfers.choosers() as u64 * u64::from(transfers.bits())
                    );
                }
            }
        }
    }
}

fn planned(layer: &Layer<'_>) -> StepCost {
    let product = plan::Product {
        geometry: layer.geometry,
        ring: layer.ring,
        weight_bits: layer.weight_bits,
        brings: match layer.inputs {
            Inputs::Random => plan::Brings::Random,
            Inputs::Chosen => plan::Brings::Own {
                bits: layer.ring.bits(),
            },
            Inputs::Narrow { bits, .. } => plan::Brings::Own { bits },
        },
    };
    product.cost(match layer.choosers {
        Choosers::Weights => plan::Choosing::Weights,
        Choosers::Inputs => plan::Choosing::Inputs,
    })
}

/// Runs a layer over ideal correlated OTs of both directions; checks the result; gives the client's input and counters.
fn layer_run(layer: &Layer<'_>) -> (Vec<u64>, Stats) {
    let (mut cs, mut sr) = ideal_ot::deal(Block::random(), Delta::random());
    let (mut ss, mut cr) = ideal_ot::deal(Block::random(), Delta::random());
    let weights = numbers(
        layer.geometry.weights(),
        layer.weight_bits.min(layer.ring.bits()),
        true,
        9,
    );
    let n = layer.geometry.inputs();
    let own = words(&match layer.inputs {
        Inputs::Narrow { bits, signed } => numbers(n, bits, signed, 10),
        Inputs::Random | Inputs::Chosen => numbers(n, layer.ring.bits(), false, 10),
    });
    let ((x, client), server, stats) = run(
        |ch| {
            let mut client = Client::new(&cs, &cr);
            let ends = (&mut cs, &mut cr);
            if layer.inputs == Inputs::Random {
                return client.prepare(ch, ends, layer);
            }
            Ok((own.clone(), client.multiply(ch, ends, layer, &own)?))
        },
        |ch| {
            let mut server = Server::new(&ss, &sr);
            server.multiply(ch, (&mut ss, &mut sr), layer, &weights)
        },
    )
    .unwrap();
    assert_eq!(
        sum(layer.ring, &client, &server),
        expected(layer.geometry, layer.ring, &words(&weights), &x),
        "{layer:?}"
    );
    (x, stats)
}

#[test]
fn masks_made_ahead_are_uniform_and_differ() {
    let geometry = Geometry::matrix(2, 2000, 1).unwrap();
    for choosers in [Choosers::Weights, Choosers::Inputs] {
        let layer = Layer {
            geometry: &geometry,
            ring: ring(37),
            weight_bits: 4,
            choosers,
            inputs: Inputs::Random,
        };
        let (first, second) = (layer_run(&layer).0, layer_run(&layer).0);
        assert_ne!(first, second);
        for bit in 0..37 {
            let ones = first.iter().filter(|x| *x >> bit & 1 == 1).count();
            // 2000 fair coins: six standard deviations are 134.
            assert!(ones.abs_diff(1000) < 134, "{choosers:?} bit {bit}: {ones}");
        }
    }
}

#[test]
fn over_silent_ot_with_messages_of_several_layers() {
    let geometry = conv(|c| c.strides = [2, 1]);
    let weights = numbers(geometry.weights(), 8, true, 1);
    let layers = [Choosers::Weights, Choosers::Inputs, Choosers::Weights].map(|choosers| Layer {
        geometry: &geometry,
        ring: ring(28),
        weight_bits: 8,
        choosers,
        inputs: Inputs::Random,
    });
    let set = silent::Parameters::Secret17;
    let client = |ch: &mut Channel| {
        let (mut s, mut r) = silent::setup_first(ch, Delta::random(), set)?;
        let mut client = Client::new(&s, &r);
        layers
            .iter()
            .map(|layer| client.prepare(ch, (&mut s, &mut r), layer))
            .collect::<Result<Vec<_>, _>>()
    };
    let server = |ch: &mut Channel| {
        let (mut s, mut r) = silent::setup_second(ch, Delta::random(), set)?;
        let mut server = Server::new(&s, &r);
        layers
            .iter()
            .map(|layer| server.multiply(ch, (&mut s, &mut r), layer, &weights))
            .collect::<Result<Vec<_>, _>>()
    };
    let (client, server, _) = run(client, server).unwrap();
    for ((x, mine), theirs) in client.iter().zip(&server) {
        let z = expected(&geometry, ring(28), &words(&weights), x);
        assert_eq!(sum(ring(28), mine, theirs), z);
    }
}

#[test]
fn shared_bits_choose() {
    let geometry = Geometry::matrix(4, 50, 1).unwrap();
    let weights = numbers(geometry.weights(), 12, true, 3);
    let bits: Vec<u64> = words(&numbers(50, 1, false, 4));
    let turns: Vec<bool> = numbers(50, 1, false, 5).iter().map(|b| *b == 1).collect();
    let layer = Layer {
        geometry: &geometry,
        ring: ring(37),
        weight_bits: 12,
        choosers: Choosers::Inputs,
        inputs: Inputs::Narrow {
            bits: 1,
            signed: false,
        },
    };
    let (mut cs, mut sr) = ideal_ot::deal(Block::random(), Delta::random());
    let (mut ss, mut cr) = ideal_ot::deal(Block::random(), Delta::random());
    let (mine, theirs, stats) = run(
        |ch| Client::new(&cs, &cr).multiply(ch, (&mut cs, &mut cr), &layer, &bits),
        |ch| {
            let mut server = Server::new(&ss, &sr);
            server.multiply_shared_bits(ch, (&mut ss, &mut sr), &layer, &weights, &turns)
        },
    )
    .unwrap();
    let x: Vec<u64> = bits
        .iter()
        .zip(&turns)
        .map(|(b, t)| b ^ u64::from(*t))
        .collect();
    assert_eq!(
        sum(ring(37), &mine, &theirs),
        expected(&geometry, ring(37), &words(&weights), &x)
    );
    assert_eq!(stats.total().sent_bytes, 7, "a bit per input");
    assert_eq!(stats.total().received_bytes, (200u64 * 37).div_ceil(8));
}
