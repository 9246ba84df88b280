//! Two parties, one channel, more instances than lanes.

use std::ops::Range;

use privet_garble::drive::{Stream, evaluate_stream, garble_stream};
use privet_garble::{Error, Evaluator, Garbler, InputClass, Program};
use privet_net::Session;
use privet_netlists::generate;
use privet_prim::{Block, Delta};

use crate::table::{Case, clear, inputs};

/// Copies instances out of `[wire][all]` into `[wire][batch]`.
fn load(from: &[Block], all: usize) -> impl FnMut(Range<usize>, &mut [Block]) -> Result<(), Error> {
    move |range, to| {
        for (to, from) in to.chunks_exact_mut(range.len()).zip(from.chunks_exact(all)) {
            to.copy_from_slice(&from[range.clone()]);
        }
        Ok(())
    }
}

/// The way back.
fn store(to: &mut [Block], all: usize) -> impl FnMut(Range<usize>, &[Block]) -> Result<(), Error> {
    move |range, from| {
        for (to, from) in to.chunks_exact_mut(all).zip(from.chunks_exact(range.len())) {
            to[range.clone()].copy_from_slice(from);
        }
        Ok(())
    }
}

#[test]
fn every_instance_comes_out_right_and_every_byte_is_a_table() {
    let netlist = generate::argmax(8, 4).unwrap();
    let classes = [vec![InputClass::Mixed; 24], vec![InputClass::Garbler; 8]].concat();
    let all = 300;
    let bits = inputs(&netlist, all, 21);
    let case = Case::new(&netlist, &classes, &bits, 21);
    let mut out = case.run();
    out.zero.fill(Block::ZERO);
    out.active.fill(Block::ZERO);
    for lanes in [16, 64, 7, 4096] {
        let (mut left, mut right) = Session::pair(1);
        let stream = Stream {
            program: &case.program,
            tweak_base: case.tweak,
            instances: all,
            lanes,
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let channel = &mut left.lanes_mut()[0];
                let (load, store) = (load(&case.zero, all), store(&mut out.zero, all));
                garble_stream(channel, &mut case.garbler(), &stream, load, store).unwrap();
            });
            scope.spawn(|| {
                let channel = &mut right.lanes_mut()[0];
                let (load, store) = (load(&case.active, all), store(&mut out.active, all));
                let mut evaluator = Evaluator::new(case.session);
                evaluate_stream(channel, &mut evaluator, &stream, load, store).unwrap();
            });
        });
        assert_eq!(case.open(&out), clear(&netlist, &bits), "{lanes} lanes");
        assert_eq!(
            left.stats().total().sent_bytes,
            case.program.table_bytes(all) as u64
        );
        assert_eq!(right.stats().total().sent_bytes, 0);
    }
}

#[test]
fn a_garbler_that_stops_is_an_error_and_so_are_impossible_streams() {
    let netlist = generate::relu(16).unwrap();
    let program = Program::compile(&netlist, &[InputClass::Mixed; 16]).unwrap();
    let good = Stream {
        program: &program,
        tweak_base: 0,
        instances: 100,
        lanes: 16,
    };
    let run = |stream: &Stream<'_>, bytes: usize| {
        let (mut left, mut right) = Session::pair(1);
        left.lanes_mut()[0].send(&vec![7; bytes]).unwrap();
        drop(left);
        let mut evaluator = Evaluator::new(Block::ZERO);
        let nothing = |_: Range<usize>, _: &mut [Block]| Ok(());
        evaluate_stream(
            &mut right.lanes_mut()[0],
            &mut evaluator,
            stream,
            nothing,
            |_, _| Ok(()),
        )
    };
    // Wrong bytes, enough of them: wrong labels only.
    assert!(run(&good, program.table_bytes(100)).is_ok());
    assert!(matches!(
        run(&good, program.table_bytes(100) - 1),
        Err(Error::Net(_))
    ));
    assert!(matches!(
        run(&Stream { lanes: 0, ..good }, 0),
        Err(Error::Buffers(_))
    ));
    assert!(matches!(
        run(
            &Stream {
                lanes: 4097,
                ..good
            },
            0
        ),
        Err(Error::Buffers(_))
    ));
    let late = Stream {
        tweak_base: u64::MAX - 1000,
        ..good
    };
    assert!(matches!(run(&late, 0), Err(Error::Buffers(_))));
    let (mut left, _right) = Session::pair(1);
    let mut garbler = Garbler::new(Delta::random(), Block::ZERO);
    let refuse = |_: Range<usize>, _: &mut [Block]| Err(Error::Finished);
    let result = garble_stream(
        &mut left.lanes_mut()[0],
        &mut garbler,
        &good,
        refuse,
        |_, _| Ok(()),
    );
    assert!(matches!(result, Err(Error::Finished)));
}
