use std::time::Duration;

use privet_netlists::{Bit, Builder, Netlist, generate};

use super::{Limits, Method, Verdict, compare};

fn limits() -> Limits {
    Limits {
        sat: Duration::from_secs(20),
        conflicts: 500,
        random_log2: 14,
    }
}

/// `a + b` with carries made as `ab | (a ^ b)c`: other gates than the generator's.
fn adder(bits: u32, wrong: bool) -> Netlist {
    let mut b = Builder::new();
    let (x, y) = (b.input("x", bits), b.input("y", bits));
    let mut carry = Bit::FALSE;
    let mut sum = Vec::new();
    for i in 0..bits as usize {
        let differ = b.xor(x[i], y[i]);
        sum.push(b.xor(differ, carry));
        let both = b.and(x[i], y[i]);
        let one = b.and(differ, carry);
        carry = if wrong && i + 2 == bits as usize {
            both
        } else {
            b.or(both, one)
        };
    }
    b.output("s", &sum);
    b.finish().unwrap()
}

#[test]
fn adders_of_other_gates_are_proved() {
    let small = compare(&adder(8, false), &generate::add(8).unwrap(), &limits());
    assert_eq!(small, Verdict::Equivalent(Method::Exhaustive));
    let wide = compare(&adder(32, false), &generate::add(32).unwrap(), &limits());
    assert_eq!(wide, Verdict::Equivalent(Method::Sat));
    let same = compare(
        &generate::add(32).unwrap(),
        &generate::add(32).unwrap(),
        &limits(),
    );
    assert_eq!(same, Verdict::Equivalent(Method::Structural));
}

#[test]
fn a_rare_difference_is_found_and_is_one() {
    for bits in [8, 40] {
        let (good, bad) = (generate::add(bits).unwrap(), adder(bits, true));
        let Verdict::Different(inputs) = compare(&good, &bad, &limits()) else {
            panic!("not found at {bits} bits");
        };
        let run = |netlist| privet_netlists::eval::bits(netlist, &inputs).unwrap();
        assert_ne!(run(&good), run(&bad));
    }
}

/// All 40 bits equal to one constant: no simulation hits it, the solver does.
#[test]
fn one_assignment_in_2_to_40() {
    let point = |hit: bool| {
        let mut b = Builder::new();
        let x = b.input("x", 40);
        let mut all = Bit::TRUE;
        for (i, &bit) in x.iter().enumerate() {
            all = b.and(all, bit.flip(i % 3 == 0));
        }
        let parity = x.iter().fold(Bit::FALSE, |sum, &bit| b.xor(sum, bit));
        let y = if hit { b.xor(parity, all) } else { parity };
        b.output("y", &[y]);
        b.finish().unwrap()
    };
    let Verdict::Different(inputs) = compare(&point(true), &point(false), &limits()) else {
        panic!("not found");
    };
    let expected: Vec<bool> = (0..40).map(|i| i % 3 != 0).collect();
    assert_eq!(inputs, expected);
}

#[test]
fn other_ports() {
    let verdict = compare(
        &generate::add(8).unwrap(),
        &generate::add(9).unwrap(),
        &limits(),
    );
    assert_eq!(verdict, Verdict::OtherPorts);
}

#[test]
fn beyond_the_limits_the_method_says_so() {
    let none = Limits {
        sat: Duration::ZERO,
        conflicts: 0,
        random_log2: 12,
    };
    let verdict = compare(&adder(32, false), &generate::add(32).unwrap(), &none);
    assert_eq!(verdict, Verdict::Equivalent(Method::Random { log2: 12 }));
}
