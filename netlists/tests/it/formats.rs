//! Formats: what is written reads back the same; what is broken is refused.

use privet_netlists::{Bit, Builder, Error, Netlist, bristol, compact, eval};

use crate::inputs::Random;

/// A random netlist with constants, shared outputs, outputs that are inputs, and dead gates.
fn random_netlist(random: &mut Random, gates: usize) -> Netlist {
    let mut builder = Builder::new();
    let mut bits = builder.input("a", 5);
    bits.extend(builder.input("b", 3));
    bits.push(Bit::TRUE);
    for _ in 0..gates {
        let pick = random.next().to_le_bytes();
        let a = bits[usize::from(pick[0]) % bits.len()].flip(pick[2] & 1 == 1);
        let b = bits[usize::from(pick[1]) % bits.len()].flip(pick[2] & 2 == 2);
        bits.push(if pick[2] & 4 == 4 {
            builder.and(a, b)
        } else {
            builder.xor(a, b)
        });
    }
    let chosen: Vec<Bit> = (0..9)
        .map(|_| bits[usize::from(random.next().to_le_bytes()[0]) % bits.len()])
        .collect();
    builder.output("x", &chosen[..6]);
    builder.output("y", &chosen[6..]);
    builder.finish().unwrap()
}

#[test]
fn compact_and_bristol_give_the_same_netlist_back() {
    let mut random = Random(1);
    for gates in 0..200 {
        let netlist = random_netlist(&mut random, gates);
        assert_eq!(compact::read(&compact::write(&netlist)).unwrap(), netlist);
        let back = bristol::read(&bristol::write(&netlist)).unwrap();
        let back = back.with_port_names(&["a", "b"], &["x", "y"]).unwrap();
        assert_eq!(back, netlist);
        assert_eq!(back.sha256(), netlist.sha256());
    }
}

#[test]
fn no_broken_compact_file_panics_and_truncated_ones_are_refused() {
    let mut random = Random(2);
    let netlist = random_netlist(&mut random, 60);
    let bytes = compact::write(&netlist);
    for length in 0..bytes.len() {
        assert!(
            matches!(compact::read(&bytes[..length]), Err(Error::Parse { .. })),
            "{length}"
        );
    }
    for position in 0..bytes.len() {
        for flip in [1u8, 2, 4, 8, 16, 32, 64, 128, 255] {
            let mut broken = bytes.clone();
            broken[position] ^= flip;
            if let Ok(netlist) = compact::read(&broken) {
                assert_eq!(compact::read(&compact::write(&netlist)).unwrap(), netlist);
            }
        }
    }
    let mut long = bytes;
    long.push(0);
    assert!(compact::read(&long).is_err());
}

#[test]
fn counts_beyond_the_bytes_are_refused_before_allocation() {
    let head = b"privet-netlist-1\n".to_vec();
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let mut ports = head.clone();
    ports.extend(huge);
    assert!(compact::read(&ports).is_err());
    let mut gates = head.clone();
    gates.extend([0, 0]);
    gates.extend(huge);
    assert!(compact::read(&gates).is_err());
    let mut width = head;
    width.extend([1, 1, b'a']);
    width.extend(huge);
    assert!(matches!(compact::read(&width), Err(Error::TooLarge { .. })));
    for text in [
        "999999999999 3\n1 1\n1 1\n",
        "1 99999999999\n1 1\n1 1\n\n1 1 0 1 INV\n",
        "1 3\n1 99999999999\n1 1\n\n1 1 0 1 INV\n",
    ] {
        assert!(bristol::read(text).is_err(), "{text}");
    }
}

#[test]
fn bristol_errors_name_the_line() {
    let cases = [
        ("", "line 0"),
        ("1 2\n1 1\n1 1\n\n", "line 4"),
        ("1 2\n1 1\n1 1\n\n1 1 0 1 NAND\n", "line 5"),
        ("1 2\n1 1\n1 1\n\n1 1 1 1 INV\n", "used before"),
        ("1 2\n1 1\n1 1\n\n1 1 0 0 INV\n", "driven twice"),
        ("1 2\n1 1\n1 1\n\n1 1 0 7 INV\n", "does not exist"),
        ("1 3\n1 1\n1 1\n\n1 1 0 1 INV\n", "not driven"),
        ("1 2\n1 1\n1 1\n\n2 1 0 1 INV\n", "announced"),
        ("1 2\n2 1\n1 1\n\n1 1 0 1 INV\n", "ports announced"),
        (
            "1 2\n1 1\n1 1\n\n1 1 0 18446744073709551616 INV\n",
            "not a number",
        ),
        (
            "1 2\n1 1\n1 1\n\n18446744073709551615 1 0 1 XOR\n",
            "announced",
        ),
    ];
    for (text, part) in cases {
        let message = bristol::read(text).unwrap_err().to_string();
        assert!(message.contains(part), "{text:?}: {message}");
    }
}

#[test]
fn every_bristol_operation_is_read() {
    let text = "# a comment\n6 10\n2 2 1\n1 4\n\n1 1 1 4 EQ\n1 1 0 3 EQW\n\
                4 2 0 1 1 2 6 7 MAND\n2 1 6 7 8 XOR\n1 1 8 9 INV\n2 1 0 4 5 AND\n";
    let netlist = bristol::read(text).unwrap();
    for value in 0..8u64 {
        let (a, b, c) = (value & 1, (value >> 1) & 1, value >> 2);
        let expected = (a & b) | ((b & c) << 1) | (((a & b) ^ (b & c)) << 2);
        let not = 1 ^ (expected >> 2);
        let got = eval::integers(&netlist, &[value & 3, c]).unwrap();
        assert_eq!(got, vec![expected | (not << 3)], "{value}");
    }
}

#[test]
fn port_names_must_be_usable() {
    let netlist = |first: &str, second: &str| {
        let mut builder = Builder::new();
        builder.input(first, 1);
        let bits = builder.input(second, 1);
        builder.output("out", &bits);
        builder.finish()
    };
    assert!(netlist("a", "b").is_ok());
    for (first, second) in [("a", "a"), ("", "a"), (&*"x".repeat(65), "a")] {
        assert!(matches!(
            netlist(first, second),
            Err(Error::PortName { .. })
        ));
    }
}
