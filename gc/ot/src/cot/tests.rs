//! The pure cores against each other, without a channel.

use privet_prim::{Block, Delta, Prg};

use super::*;
use crate::base::msgs::{ReceiverPoints, SenderPoint};
use crate::error::{ApiMisuse, PeerMisbehaved};
use msgs::{CORRECTION_BYTES, Corrections};

fn pair(field: Field, delta: Delta) -> (Sender, Receiver) {
    let (mut a, mut b) = (Prg::new(Block::from(1)), Prg::new(Block::from(2)));
    let (first, await_points) = receiver::start(field, &mut a);
    let first = SenderPoint::decode(&first.encode()).unwrap();
    let (points, await_corrections) = sender::reply(field, delta, &first, &mut b);
    let points = ReceiverPoints::decode(&points.encode(), 128).unwrap();
    let (corrections, receiver) = await_points.finish(&points, &mut a).unwrap();
    let corrections = Corrections::decode(&corrections.encode()).unwrap();
    (await_corrections.finish(&corrections), receiver)
}

fn choices(n: usize) -> Vec<bool> {
    let mut prg = Prg::new(Block::from(n as u128 + 77));
    (0..n).map(|_| prg.next_u64() & 1 == 1).collect()
}

fn transfer(s: &mut Sender, r: &mut Receiver, x: &[bool]) -> (Vec<Block>, Vec<Block>, Vec<u8>) {
    let (mut keys, mut macs) = (vec![Block::ONES; x.len()], vec![Block::ONES; x.len()]);
    let mut msg = vec![0; r.field().extend_bytes(x.len())];
    r.extend_chunk(x, &mut macs, &mut msg).unwrap();
    s.extend_chunk(&mut keys, &msg).unwrap();
    (keys, macs, msg)
}

#[test]
fn macs_are_keys_plus_choice_times_delta() {
    for field in Field::ALL {
        for delta in [
            Delta::new(Block::ZERO),
            Delta::new(Block::ONES),
            Delta::random(),
        ] {
            let offset = delta.block();
            let (mut s, mut r) = pair(field, delta);
            assert_eq!(s.hash_key(), r.hash_key());
            for n in [0, 1, 127, 128, 129, 1000, CHUNK] {
                let x = choices(n);
                let (keys, macs, _) = transfer(&mut s, &mut r, &x);
                for ((key, mac), &bit) in keys.iter().zip(&macs).zip(&x) {
                    assert_eq!(*mac, *key ^ offset.select(bit), "{field:?} {n}");
                }
                let mut all: Vec<u128> = keys.iter().map(|k| u128::from(*k)).collect();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), n, "keys repeat");
            }
        }
    }
}

#[test]
fn the_message_hides_the_choices() {
    // Equal choices twice give unrelated messages, and each bit of a message is balanced.
    let (mut s, mut r) = pair(Field::Bits4, Delta::random());
    let x = vec![true; CHUNK];
    let (_, _, one) = transfer(&mut s, &mut r, &x);
    let (_, _, two) = transfer(&mut s, &mut r, &x);
    for msg in [
        &one,
        &two,
        &one.iter().zip(&two).map(|(a, b)| a ^ b).collect(),
    ] {
        let ones: u32 = msg.iter().map(|b| b.count_ones()).sum();
        let (n, ones) = (8.0 * msg.len() as f64, f64::from(ones));
        assert!(
            (ones - n / 2.0).abs() < 6.0 * (n / 4.0).sqrt(),
            "{ones} of {n}"
        );
    }
}

#[test]
fn a_flipped_bit_changes_exactly_its_column_for_one_tree() {
    let (mut s, mut r) = pair(Field::Bits2, Delta::new(Block::ONES));
    let x = choices(256);
    let (mut keys, mut macs) = (vec![Block::ZERO; 256], vec![Block::ZERO; 256]);
    let mut msg = vec![0; Field::Bits2.extend_bytes(256)];
    r.extend_chunk(&x, &mut macs, &mut msg).unwrap();
    // Tree 5, column 130.
    msg[5 * 32 + 16] ^= 1 << 2;
    s.extend_chunk(&mut keys, &msg).unwrap();
    for (column, (key, mac)) in keys.iter().zip(&macs).enumerate() {
        let expected =
            Block::ONES.select(x[column]) ^ Block::from(0b11 << 10).select(column == 130);
        assert_eq!(*key ^ *mac, expected, "{column}");
    }
}

#[test]
fn wrong_lengths_are_errors() {
    for len in [0, 1, CORRECTION_BYTES - 1, CORRECTION_BYTES + 1] {
        assert!(matches!(
            Corrections::decode(&vec![0; len]),
            Err(PeerMisbehaved::Length { expected: CORRECTION_BYTES, got, .. }) if got == len
        ));
    }
    let (mut s, mut r) = pair(Field::Bits2, Delta::random());
    let good = Field::Bits2.extend_bytes(200);
    for len in [0, good - 1, good + 1] {
        let mut out = vec![Block::ZERO; 200];
        assert!(matches!(
            s.extend_chunk(&mut out, &vec![0; len]),
            Err(ApiMisuse::Length { .. })
        ));
        let mut msg = vec![0; len];
        let wrong = r.extend_chunk(&[false; 200], &mut out, &mut msg);
        assert!(matches!(wrong, Err(ApiMisuse::Length { .. })));
    }
    let mut out = vec![Block::ZERO; CHUNK + 1];
    let msg = vec![0; Field::Bits2.extend_bytes(CHUNK + 1)];
    assert!(matches!(
        s.extend_chunk(&mut out, &msg),
        Err(ApiMisuse::TooMany { .. })
    ));
}

#[test]
fn corrupted_corrections_give_wrong_keys_and_no_panic() {
    let (mut a, mut b) = (Prg::new(Block::from(1)), Prg::new(Block::from(2)));
    let delta = Delta::random();
    let offset = delta.block();
    let (first, await_points) = receiver::start(Field::Bits8, &mut a);
    let (points, await_corrections) = sender::reply(Field::Bits8, delta, &first, &mut b);
    let (corrections, mut r) = await_points.finish(&points, &mut a).unwrap();
    let mut bytes = corrections.encode();
    bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
    let mut s = await_corrections.finish(&Corrections::decode(&bytes).unwrap());
    let x = choices(128);
    let (keys, macs, _) = transfer(&mut s, &mut r, &x);
    let wrong = (0..128)
        .filter(|&i| macs[i] != keys[i] ^ offset.select(x[i]))
        .count();
    assert_eq!(wrong, 128);
}

/// What travels for fixed seeds, as a hash: a change of the wire format is seen here.
#[test]
fn transcripts_are_the_committed_ones() {
    use sha2::{Digest, Sha256};
    let golden = include_str!("../../tests/transcripts.golden");
    let mut lines = String::new();
    for field in Field::ALL {
        let (mut a, mut b) = (Prg::new(Block::from(1)), Prg::new(Block::from(2)));
        let (first, await_points) = receiver::start(field, &mut a);
        let delta = Delta::new(Block::from(3 << 64));
        let (points, _) = sender::reply(field, delta, &first, &mut b);
        let (corrections, mut r) = await_points.finish(&points, &mut a).unwrap();
        let (x, mut macs) = (choices(300), vec![Block::ZERO; 300]);
        let mut extend = vec![0; field.extend_bytes(300)];
        r.extend_chunk(&x, &mut macs, &mut extend).unwrap();
        let messages = [
            ("sender-point", first.encode()),
            ("receiver-points", points.encode()),
            ("corrections", corrections.encode()),
            ("extend", extend),
        ];
        for (name, bytes) in messages {
            let digest: String = Sha256::digest(&bytes)
                .iter()
                .take(16)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            lines += &format!("softspoken {field:?} {name} {} {digest}\n", bytes.len());
        }
    }
    assert!(
        golden == lines,
        "the transcript changed; it is now\n{lines}"
    );
}
