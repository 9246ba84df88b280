//! Each format written by hand and read back; each kind of damage refused with its place.

use std::io::Write;

use half::f16;

use super::*;

fn idx(kind: u8, shape: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind, u8::try_from(shape.len()).unwrap()];
    bytes.extend(shape.iter().flat_map(|d| d.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn read(bytes: &[u8]) -> Samples {
    Samples::from_bytes(bytes, "file").unwrap()
}

fn refused(bytes: &[u8], file: &str, named: &str) {
    let e = Samples::from_bytes(bytes, file).unwrap_err().to_string();
    assert!(e.starts_with(file) && e.contains(named), "{e}");
    assert_eq!(e.lines().count(), 1, "{e}");
}

#[test]
fn idx_of_every_type() {
    let s = read(&idx(8, &[2, 1, 3], &[0, 1, 2, 253, 254, 255]));
    assert_eq!(
        (s.len(), s.shape(), s.kind()),
        (2, &[1, 3][..], Kind::Pixels)
    );
    assert_eq!(s.get(1).unwrap(), [253.0, 254.0, 255.0]);
    let e = s.get(2).unwrap_err().to_string();
    assert!(e.contains("sample 2 of 2"), "{e}");
    assert!(s.get(usize::MAX).is_err());

    let s = read(&idx(9, &[1, 2], &[0x80, 0x7f]));
    assert_eq!(
        (s.get(0).unwrap(), s.kind()),
        (vec![-128.0, 127.0], Kind::Numbers)
    );
    let data: Vec<u8> = [-32768_i16, 1]
        .iter()
        .flat_map(|v| v.to_be_bytes())
        .collect();
    assert_eq!(read(&idx(11, &[2, 1], &data)).get(0).unwrap(), [-32768.0]);
    let data = (-70_000_i32).to_be_bytes();
    assert_eq!(read(&idx(12, &[1, 1], &data)).get(0).unwrap(), [-70_000.0]);
    let data = 1.5_f32.to_be_bytes();
    assert_eq!(read(&idx(13, &[1, 1], &data)).get(0).unwrap(), [1.5]);
    let data = (-0.25_f64).to_be_bytes();
    assert_eq!(read(&idx(14, &[1, 1], &data)).get(0).unwrap(), [-0.25]);
}

#[test]
fn damaged_idx() {
    let good = idx(8, &[2, 1, 3], &[0; 6]);
    refused(&good[..good.len() - 1], "a.idx", "5 bytes follow");
    refused(&[&good[..], &[0]].concat(), "a.idx", "7 bytes follow");
    refused(&good[..9], "a.idx", "truncated");
    refused(&idx(8, &[u32::MAX; 8], &[]), "a.idx", "bytes follow");
    refused(&idx(8, &[0, 3], &[]), "a.idx", "no samples");
    refused(&idx(8, &[3], &[1, 2, 3]), "a.idx", "not that of samples");
    refused(
        &idx(13, &[1, 2], &[0x7f, 0xc0, 0, 0, 0, 0, 0, 0]),
        "a.idx",
        "sample 0, value 0",
    );
}

#[test]
fn npy_of_every_type() {
    fn bytes<const N: usize>(values: &[[u8; N]]) -> Vec<u8> {
        values.concat()
    }
    let cases: [(&str, Vec<u8>, [f32; 2]); 11] = [
        ("|u1", vec![0, 255], [0.0, 255.0]),
        ("|i1", vec![0xff, 1], [-1.0, 1.0]),
        (
            "<u2",
            bytes(&[65535_u16.to_le_bytes(), 1_u16.to_le_bytes()]),
            [65535.0, 1.0],
        ),
        (
            ">i2",
            bytes(&[(-2_i16).to_be_bytes(), 258_i16.to_be_bytes()]),
            [-2.0, 258.0],
        ),
        (
            "<i4",
            bytes(&[(-7_i32).to_le_bytes(), 9_i32.to_le_bytes()]),
            [-7.0, 9.0],
        ),
        (
            ">u4",
            bytes(&[7_u32.to_be_bytes(), 9_u32.to_be_bytes()]),
            [7.0, 9.0],
        ),
        (
            "<i8",
            bytes(&[(-7_i64).to_le_bytes(), 9_i64.to_le_bytes()]),
            [-7.0, 9.0],
        ),
        (
            "<u8",
            bytes(&[7_u64.to_le_bytes(), 9_u64.to_le_bytes()]),
            [7.0, 9.0],
        ),
        (
            "<f2",
            bytes(&[f16::ONE.to_le_bytes(), f16::NEG_ONE.to_le_bytes()]),
            [1.0, -1.0],
        ),
        (
            "<f4",
            bytes(&[0.5_f32.to_le_bytes(), 2.0_f32.to_le_bytes()]),
            [0.5, 2.0],
        ),
        (
            ">f8",
            bytes(&[0.5_f64.to_be_bytes(), 2.0_f64.to_be_bytes()]),
            [0.5, 2.0],
        ),
    ];
    for (descr, data, want) in cases {
        let s = read(&npy(descr, "False", "(2, 1)", &data));
        assert_eq!(s.get(0).unwrap(), want[..1], "{descr}");
        assert_eq!(s.get(1).unwrap(), want[1..], "{descr}");
        let pixels = descr == "|u1";
        assert_eq!(s.kind() == Kind::Pixels, pixels, "{descr}");
    }
}

#[test]
fn damaged_npy() {
    let good = npy("<f4", "False", "(1, 2)", &[0; 8]);
    refused(&good[..good.len() - 3], "a.npy", "5 bytes follow");
    refused(&good[..20], "a.npy", "truncated");
    refused(&npy("<f4", "True", "(1, 2)", &[0; 8]), "a.npy", "Fortran");
    refused(&npy("<c8", "False", "(1, 1)", &[0; 8]), "a.npy", "<c8");
    refused(&npy("|O", "False", "(1, 1)", &[0; 8]), "a.npy", "|O");
    refused(
        &npy("<f4", "False", "(18446744073709551615, 4)", &[0; 8]),
        "a.npy",
        "follow",
    );
    refused(&npy("<f4", "False", "(-1, 4)", &[0; 8]), "a.npy", "shape");
    refused(b"\x93NUMPY\x09\x00aaaa", "a.npy", "version");
    refused(b"\x93NUMPY\x01\x00\x02\x00{}", "a.npy", "element type");
}

#[test]
fn text_with_and_without_heading() {
    for text in [
        "1,2,3\n4,5,6\n",
        "a,b,c\n1, 2, 3\n\n4,5,6",
        "# c\n1 2  3\n4\t5\t6",
        "1;2;3\n4;5;6",
    ] {
        let s = read(text.as_bytes());
        assert_eq!((s.len(), s.shape()), (2, &[3][..]), "{text}");
        assert_eq!(s.get(1).unwrap(), [4.0, 5.0, 6.0]);
    }
    refused(b"1,2\n3\n", "a.csv", "line 2 has 1 values, line 1 has 2");
    refused(b"1,2\n3,x\n", "a.csv", "line 2: \"x\"");
    refused(
        b"a,b\n1,2,3\n",
        "a.csv",
        "line 2 has 3 values, line 1 has 2",
    );
    refused(b"a,b\n", "a.csv", "no numbers");
    refused(b"", "a.csv", "no numbers");
    refused(b"1,NaN\n", "a.csv", "value 1 is not a finite");
    refused(&[0xff, 0xfe, 0x00, 0x12], "a.dat", "neither IDX");
}

#[test]
fn images_become_planes() {
    let s = read(b"P6 2 1 255\n\x01\x02\x03\x04\x05\x06");
    assert_eq!((s.shape(), s.kind()), (&[3, 1, 2][..], Kind::Pixels));
    assert_eq!(s.get(0).unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let s = read(b"P5 2 1 255\n\x01\x02");
    assert_eq!(
        (s.shape(), s.get(0).unwrap()),
        (&[1, 1, 2][..], vec![1.0, 2.0])
    );

    let mut png = std::io::Cursor::new(vec![]);
    let pixels = ::image::RgbaImage::from_raw(1, 2, vec![9, 8, 7, 255, 6, 5, 4, 0]).unwrap();
    pixels
        .write_to(&mut png, ::image::ImageFormat::Png)
        .unwrap();
    let png = png.into_inner();
    let s = read(&png);
    assert_eq!(s.get(0).unwrap(), [9.0, 6.0, 8.0, 5.0, 7.0, 4.0]);
    refused(&png[..png.len() / 2], "a.png", "damaged image");
    refused(b"P6 60000 60000 255\n\x01", "a.ppm", "damaged image");
}

#[test]
fn cifar_batches_hold_labels() {
    let mut bytes = vec![7; 1];
    bytes.extend([1; 1024].iter().chain(&[2; 1024]).chain(&[3; 1024]));
    let s = Samples::from_bytes(&bytes, "x.bin").unwrap();
    assert_eq!((s.shape(), s.labels()), (&[3, 32, 32][..], Some(&[7][..])));
    let raw = s.get(0).unwrap();
    assert_eq!((raw[0], raw[1024], raw[3071]), (1.0, 2.0, 3.0));
}

#[test]
fn labels_in_three_formats() {
    let data: Vec<u8> = [3_i64, 4].iter().flat_map(|v| v.to_le_bytes()).collect();
    for bytes in [
        idx(8, &[2], &[3, 4]),
        npy("<i8", "False", "(2,)", &data),
        b"3\n4\n".to_vec(),
    ] {
        assert_eq!(labels_from_bytes(&bytes, "y").unwrap(), [3, 4]);
    }
    for bytes in [&b"1.5\n"[..], b"-1\n", b"1,2\n", b"\xff"] {
        assert!(labels_from_bytes(bytes, "y").is_err());
    }
}

#[test]
fn gzip_is_unpacked_and_its_damage_told() {
    let content = idx(8, &[1, 3], &[1, 2, 3]);
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    encoder.write_all(&content).unwrap();
    let packed = encoder.finish().unwrap();
    let folder = std::env::temp_dir().join(format!("privet-readers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("a.idx.gz");
    std::fs::write(&path, &packed).unwrap();
    assert_eq!(read_file(&path).unwrap(), content);
    assert_eq!(Samples::open(&path).unwrap().len(), 1);
    std::fs::write(&path, &packed[..packed.len() - 6]).unwrap();
    let e = read_file(&path).unwrap_err().to_string();
    assert!(e.contains("a.idx.gz") && e.contains("gzip"), "{e}");
    let e = read_file(&folder.join("absent")).unwrap_err().to_string();
    assert!(e.contains("absent"), "{e}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn any_bytes_are_read_or_refused_without_panic() {
    let seeds = [
        idx(8, &[2, 1, 3], &[0; 6]),
        npy("<f4", "False", "(1, 2)", &[0; 8]),
        b"P6 2 1 255\n\x01\x02\x03\x04\x05\x06".to_vec(),
        b"1,2,3\n4,5,6\n".to_vec(),
    ];
    let mut state = 1_u64;
    for round in 0..20_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..1 + round % 4 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(round as u64);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = state.to_be_bytes()[3];
        }
        bytes.truncate((state >> 40) as usize % (bytes.len() + 1));
        if let Ok(samples) = Samples::from_bytes(&bytes, "x.bin") {
            assert!(!samples.get(0).unwrap().is_empty());
        }
        let _ = labels_from_bytes(&bytes, "x");
    }
}
