//! Callers' mistakes, peers that send what they like or end, and what messages hide.

use super::*;

#[test]
fn callers_mistakes_are_errors() {
    let geometry = Geometry::matrix(2, 3, 1).unwrap();
    let schedule = Schedule::new(&geometry, ring(16), Choosers::Inputs, 16, false).unwrap();
    assert!(Sender::new(schedule, &[0; 5]).is_err());
    assert!(Receiver::new(schedule, vec![0; 2]).is_err());
    assert!(
        Sender::with_turns(schedule, &[0; 6], &[true; 3]).is_err(),
        "choosers of 16 bits"
    );
    for (bits, signed) in [(0, false), (1, true), (65, false)] {
        assert!(Schedule::new(&geometry, ring(16), Choosers::Inputs, bits, signed).is_err());
    }
    let layer = |inputs| Layer {
        geometry: &geometry,
        ring: ring(16),
        weight_bits: 4,
        choosers: Choosers::Weights,
        inputs,
    };
    let (mut cs, mut sr) = ideal_ot::deal(Block::random(), Delta::random());
    let (mut ss, mut cr) = ideal_ot::deal(Block::random(), Delta::random());
    let result = run(
        |ch| {
            let mut client = Client::new(&cs, &cr);
            let ends = (&mut cs, &mut cr);
            assert!(
                client
                    .multiply(ch, ends, &layer(Inputs::Random), &[0; 3])
                    .is_err()
            );
            let ends = (&mut cs, &mut cr);
            assert!(client.prepare(ch, ends, &layer(Inputs::Chosen)).is_err());
            Ok(())
        },
        |ch| {
            let mut server = Server::new(&ss, &sr);
            for weights in [&[0, 8, 0, 0, 0, 0][..], &[0, -9, 0, 0, 0, 0], &[0; 5]] {
                let ends = (&mut ss, &mut sr);
                assert!(
                    server
                        .multiply(ch, ends, &layer(Inputs::Chosen), weights)
                        .is_err()
                );
            }
            Ok(())
        },
    );
    result.unwrap();
}

/// One batch played by hand: what the sender sends and the receiver, before it has read it.
struct Played {
    piece: schedule::Piece,
    macs: Vec<Block>,
    hash_key: Block,
    bytes: Vec<u8>,
    sender: Vec<u64>,
}

fn play(schedule: &Schedule<'_>, operands: &[u64], choosers: &[u64]) -> Played {
    let batch = schedule.batches().next().unwrap();
    let piece = schedule.pieces(&batch).next().unwrap();
    assert_eq!(piece.transfers, schedule.transfers(&batch));
    let (delta, hash_key) = (Delta::random().block(), Block::random());
    let mut keys: Vec<Block> = (0..piece.transfers)
        .map(|_| Block::random().with_colour(false))
        .collect();
    let receiver = Receiver::new(*schedule, choosers.to_vec()).unwrap();
    let random: Vec<Block> = keys
        .iter()
        .map(|k| *k ^ delta.select(Block::random().colour()))
        .collect();
    let flips = receiver.flips(&batch, &random).unwrap();
    flips.apply(delta, &mut keys).unwrap();
    let mut sender = Sender::new(*schedule, operands).unwrap();
    let mut bytes = Vec::new();
    let mut hasher = Hasher::new(hash_key, Domain::RingProduct);
    sender
        .send_piece(&piece, &mut hasher, delta, &mut keys, &mut bytes)
        .unwrap();
    sender.end_batch(&mut bytes);
    Played {
        piece,
        macs: random,
        hash_key,
        bytes,
        sender: sender.finish(),
    }
}

fn read(
    schedule: &Schedule<'_>,
    choosers: &[u64],
    played: &Played,
    bytes: &[u8],
) -> Result<Vec<u64>, Error> {
    let mut receiver = Receiver::new(*schedule, choosers.to_vec())?;
    let mut hasher = Hasher::new(played.hash_key, Domain::RingProduct);
    receiver.receive_piece(&played.piece, &mut hasher, &mut played.macs.clone(), bytes)?;
    receiver.end_batch()?;
    Ok(receiver.finish().1)
}

#[test]
fn hostile_messages_are_errors_or_wrong_sums() {
    let geometry = Geometry::matrix(3, 2, 1).unwrap();
    let schedule = Schedule::new(&geometry, ring(13), Choosers::Inputs, 2, false).unwrap();
    let operands = words(&numbers(6, 13, false, 1));
    let choosers = [3, 3];
    let played = play(&schedule, &operands, &choosers);
    let z = expected(&geometry, ring(13), &operands, &choosers);
    let honest = read(&schedule, &choosers, &played, &played.bytes).unwrap();
    assert_eq!(sum(ring(13), &played.sender, &honest), z);
    // 150 bits: 19 bytes, two bits of padding.
    assert_eq!(played.bytes.len(), 19);
    for len in [0, 18, 20] {
        let bad = vec![0; len];
        let error = read(&schedule, &choosers, &played, &bad).err();
        let length = PeerMisbehaved::Length {
            msg: "product/masked",
            expected: 19,
            got: len,
        };
        assert!(matches!(error, Some(Error::PeerMisbehaved(e)) if e == length));
    }
    for bit in 0..8 * 19 {
        let mut bad = played.bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        match read(&schedule, &choosers, &played, &bad) {
            Ok(share) => assert!(bit < 150 && share != honest, "bit {bit}"),
            Err(error) => assert!(
                bit >= 150
                    && matches!(
                        error,
                        Error::PeerMisbehaved(PeerMisbehaved::SpareBits { .. })
                    ),
                "bit {bit}"
            ),
        }
    }
    // Another run's message.
    let other = play(&schedule, &operands, &choosers);
    let replayed = read(&schedule, &choosers, &played, &other.bytes);
    assert!(replayed.is_err() || replayed.is_ok_and(|share| share != honest));
}

/// Sends a message that is too short, or wrong, and ends the session.
fn leave(ch: &mut Channel, message: &[u8]) -> Result<(), Error> {
    ch.send(message)?;
    ch.flush()?;
    ch.abort("has seen enough");
    Ok(())
}

#[test]
fn a_peer_that_ends_early_is_an_error() {
    let geometry = Geometry::matrix(3, 3, 1).unwrap();
    let schedule = Schedule::new(&geometry, ring(16), Choosers::Inputs, 1, false).unwrap();
    let send = |message: &[u8], flips: bool| {
        let (mut s, mut r) = ideal_ot::deal(Block::random(), Delta::random());
        let (ours, theirs) = thread::scope(|scope| {
            let (here, there) = Session::pair(1);
            let (mut here, mut there) = (here.into_lanes(), there.into_lanes());
            let peer = scope.spawn(move || leave(&mut there[0], message));
            let ours = if flips {
                let core = Sender::new(schedule, &[0; 9]).unwrap();
                let mut role = drive::Sender::new(Block::ZERO);
                role.multiply(&mut here[0], &mut s, Mode::Chosen, core)
            } else {
                let core = Receiver::new(schedule, vec![0; 3]).unwrap();
                let mut role = drive::Receiver::new(Block::ZERO);
                role.multiply(&mut here[0], &mut r, Mode::Chosen, core)
                    .map(|(_, share)| share)
            };
            (ours, peer.join().unwrap())
        });
        theirs.unwrap();
        ours
    };
    assert!(matches!(send(&[], true), Err(Error::Net(_))));
    assert!(matches!(send(&[0; 17], false), Err(Error::Net(_))));
}

/// The receiver's view of a transfer, and the masks it must not know: all look random, whatever the operands are.
#[test]
fn messages_hide_operands() {
    let geometry = Geometry::matrix(400, 8, 1).unwrap();
    let schedule = Schedule::new(&geometry, ring(16), Choosers::Inputs, 1, false).unwrap();
    for value in [0, 0xffff] {
        let operands = vec![value; 3200];
        for choosers in [[0; 8], [1; 8]] {
            let played = play(&schedule, &operands, &choosers);
            let ones: u32 = played.bytes.iter().map(|b| b.count_ones()).sum();
            // 51,200 fair coins: six standard deviations are 679.
            assert!(ones.abs_diff(25_600) < 679, "{value}: {ones}");
            let share = read(&schedule, &choosers, &played, &played.bytes).unwrap();
            for half in [&share, &played.sender] {
                let ones: u32 = half.iter().map(|z| z.count_ones()).sum();
                // 6,400 coins.
                assert!(ones.abs_diff(3200) < 240, "{value}: {ones}");
            }
        }
    }
}

#[test]
fn transfers_are_hashed_under_indices_of_their_own() {
    // Two products over the same keys: the role's counter goes on, so nothing of the first repeats.
    let geometry = Geometry::matrix(8, 8, 1).unwrap();
    let schedule = Schedule::new(&geometry, ring(32), Choosers::Inputs, 32, false).unwrap();
    let mut hasher = Hasher::new(Block::from(1), Domain::RingProduct);
    let batch = schedule.batches().next().unwrap();
    let piece = schedule.pieces(&batch).next().unwrap();
    let messages: Vec<Vec<u8>> = (0..2)
        .map(|_| {
            let mut keys = vec![Block::from(4); piece.transfers];
            let mut sender = Sender::new(schedule, &[0; 64]).unwrap();
            let mut out = Vec::new();
            sender
                .send_piece(&piece, &mut hasher, Block::from(7), &mut keys, &mut out)
                .unwrap();
            out
        })
        .collect();
    assert_ne!(messages[0], messages[1]);
    // Equal keys, equal operands: within a message no two transfers are alike either.
    let (head, _) = messages[0].as_chunks::<32>();
    assert_ne!(head[0], head[1]);
    assert!(matches!(
        Sender::new(schedule, &[0; 64]).unwrap().send_piece(
            &piece,
            &mut hasher,
            Block::ZERO,
            &mut [],
            &mut Vec::new()
        ),
        Err(ApiMisuse::Length { .. })
    ));
}
