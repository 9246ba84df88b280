//! Quantised files and graphs from strangers: nothing panics, nothing large is allocated.

use privet_model::preprocess::Projection;
use privet_model::quant::ir::{Graph, Model, Op, Profile};
use privet_model::quant::{Limits, Sparsity, file, summary};
use sha2::{Digest, Sha256};

use crate::nets::{projected_model, small_model};

/// The file with a checksum that holds.
fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    let hash = Sha256::digest(&body);
    body.extend_from_slice(&hash);
    body
}

/// The file of a graph without parameters.
fn with_graph(graph: &[u8], params: &[u8]) -> Vec<u8> {
    let mut body = b"PRIVETQ\n".to_vec();
    body.extend_from_slice(&2u32.to_le_bytes());
    body.extend_from_slice(&u32::try_from(graph.len()).unwrap().to_le_bytes());
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(graph);
    body.extend_from_slice(params);
    sealed(body)
}

#[test]
fn what_is_written_is_read() {
    let model = small_model();
    let bytes = file::encode(&model).unwrap();
    assert!(file::is_model(&bytes));
    assert_eq!(file::decode(&bytes).unwrap(), model);
    let path = std::env::temp_dir().join(format!("privet-model-{}.pvq", std::process::id()));
    file::write(&path, &model).unwrap();
    let read = file::read(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read.unwrap(), model);
    let error = file::read(&path).unwrap_err().to_string();
    assert!(error.contains("privet-model-"), "{error}");
}

#[test]
fn damage_is_found() {
    let bytes = file::encode(&small_model()).unwrap();
    for end in 0..bytes.len() {
        assert!(file::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(file::decode(&bad).is_err(), "flipped at {at}");
    }
    let mut longer = bytes[..bytes.len() - 32].to_vec();
    longer.push(0);
    assert!(file::decode(&sealed(longer)).is_err());
    let mut other = bytes[..bytes.len() - 32].to_vec();
    other[8] = 1;
    let error = file::decode(&sealed(other)).unwrap_err().to_string();
    assert!(error.contains("version 1"), "{error}");
}

#[test]
fn a_record_goes_with_the_file_and_not_with_the_network() {
    let model = small_model();
    let record = r#"{"found_by":"a search"}"#;
    let bytes = file::encode_recorded(&model, record).unwrap();
    let (read, found) = file::decode_recorded(&bytes).unwrap();
    assert_eq!((&read, found.as_deref()), (&model, Some(record)));
    assert_eq!(read.graph.public_hash(), model.graph.public_hash());
    let plain = file::encode(&model).unwrap();
    assert_eq!(
        file::decode_recorded(&plain).unwrap(),
        (model.clone(), None)
    );
    // Every cut, also under a checksum that holds; other lengths, and no text.
    let body = &bytes[..bytes.len() - 32];
    for length in 0..body.len() {
        assert!(
            file::decode(&sealed(body[..length].to_vec())).is_err(),
            "{length}"
        );
    }
    let at = body.len() - record.len();
    for (place, value) in [(at - 4, 0), (at - 1, 255), (at, 0xff)] {
        let mut changed = body.to_vec();
        changed[place] = value;
        assert!(file::decode(&sealed(changed)).is_err(), "{place}");
    }
    let mut longer = body.to_vec();
    longer.push(b' ');
    assert!(file::decode(&sealed(longer)).is_err());
    assert!(file::encode_recorded(&model, &"x".repeat(1 << 17)).is_err());
}

/// Programs that know no such profile name the version; files of other profiles are as they were.
#[test]
fn profile_approx_has_a_version_of_its_own() {
    let mut model = small_model();
    let versions = |model: &Model| {
        let written = [file::encode(model), file::encode_recorded(model, "{}")];
        written.map(|bytes| bytes.unwrap()[8])
    };
    assert_eq!(versions(&model), [2, 3]);
    model.graph.profile = Profile::Approx;
    assert_eq!(versions(&model), [4, 4]);
    for record in [None, Some("{}")] {
        let bytes = match record {
            None => file::encode(&model),
            Some(record) => file::encode_recorded(&model, record),
        };
        let bytes = bytes.unwrap();
        let (read, found) = file::decode_recorded(&bytes).unwrap();
        assert_eq!((&read, found.as_deref()), (&model, record));
        for end in 0..bytes.len() - 32 {
            assert!(
                file::decode(&sealed(bytes[..end].to_vec())).is_err(),
                "{end}"
            );
        }
    }
}

#[test]
fn graphs_of_noise_do_not_panic() {
    let model = small_model();
    let graph = postcard::to_allocvec(&model.graph).unwrap();
    let bytes = file::encode(&model).unwrap();
    let params = &bytes[48 + graph.len()..bytes.len() - 32];
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap()
    };
    let mut survived = 0;
    for _ in 0..20_000 {
        let mut bad = graph.clone();
        for _ in 0..1 + next() % 3 {
            let at = next() % bad.len();
            bad[at] = match next() % 4 {
                0 => 0xff,
                1 => 0,
                _ => u8::try_from(next() % 256).unwrap(),
            };
        }
        // Whatever passes the checks must also evaluate.
        if let Ok(model) = file::decode(&with_graph(&bad, params)) {
            survived += 1;
            let input = model.graph.tensor(model.graph.input).unwrap();
            let zeros = vec![0; input.elements().unwrap()];
            model.evaluate(&zeros).unwrap();
        }
    }
    assert!(survived > 0, "no mutation was harmless");
}

#[test]
fn absurd_sizes_are_refused_before_they_are_allocated() {
    let good = small_model().graph;
    let refuse = |name: &str, change: &dyn Fn(&mut Graph)| {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(bad.validate(&Limits::default()).is_err(), "{name}");
    };
    good.validate(&Limits::default()).unwrap();
    refuse("product overflows", &|g| {
        g.tensors[0].shape = vec![usize::MAX, 2, 2];
    });
    refuse("too many elements", &|g| {
        g.tensors[0].shape = vec![1 << 20, 1 << 10, 1];
    });
    refuse("empty", &|g| g.tensors[0].shape = vec![0, 1, 1]);
    refuse("no axes", &|g| g.tensors[0].shape = vec![]);
    refuse("many axes", &|g| g.tensors[0].shape = vec![1; 100]);
    refuse("no such input", &|g| g.input.0 = 1000);
    refuse("no such output", &|g| g.output.0 = 1000);
    refuse("unknown operand", &|g| g.nodes[0].inputs[0].0 = 1000);
    refuse("cycle", &|g| g.nodes[0].inputs[0] = g.output);
    refuse("made twice", &|g| g.nodes[1].output = g.nodes[0].output);
    refuse("backwards", &|g| g.nodes.reverse());
    refuse("missing node", &|g| {
        g.nodes.remove(0);
    });
    refuse("range beyond the ring", &|g| g.tensors[0].range.bits = 65);
    refuse("empty range", &|g| g.tensors[0].range.bits = 0);
    refuse("value width", &|g| g.value_bits = 0);
    refuse("preprocessing", &|g| g.preprocess.divide = 0.0);
    refuse("fraction bits", &|g| g.tensors[0].frac_bits = u32::MAX);
    refuse("map of another layer", &|g| {
        for node in &mut g.nodes {
            if let Op::Linear(op) = &mut node.op {
                op.sparsity = Sparsity::of(&[0, 1]);
            }
        }
    });
    let conv = |g: &mut Graph, change: &dyn Fn(&mut privet_model::quant::ir::Conv)| {
        for node in &mut g.nodes {
            if let Op::Conv(op) = &mut node.op {
                change(op);
            }
        }
    };
    refuse("no groups", &|g| conv(g, &|c| c.groups = 0));
    refuse("uneven groups", &|g| conv(g, &|c| c.groups = 3));
    refuse("no stride", &|g| conv(g, &|c| c.window.strides = [0, 0]));
    refuse("kernel", &|g| {
        conv(g, &|c| c.window.kernel = [usize::MAX; 2]);
    });
    refuse("no kernel", &|g| conv(g, &|c| c.window.kernel = [0, 0]));
    refuse("padding", &|g| {
        conv(g, &|c| c.window.pads_before = [usize::MAX; 2]);
    });
    refuse("dilation", &|g| {
        conv(g, &|c| c.window.dilations = [usize::MAX; 2]);
    });
    refuse("weights' width", &|g| conv(g, &|c| c.weight_bits = 33));
    refuse("no weights", &|g| conv(g, &|c| c.weight_bits = 0));
    refuse("weights' scale", &|g| {
        conv(g, &|c| c.weight_frac = u32::MAX);
    });
    let tight = |limits: Limits| assert!(good.validate(&limits).is_err(), "{limits:?}");
    tight(Limits {
        nodes: 2,
        ..Limits::default()
    });
    tight(Limits {
        rank: 2,
        ..Limits::default()
    });
    tight(Limits {
        elements: 100,
        ..Limits::default()
    });
    tight(Limits {
        work: 100,
        ..Limits::default()
    });
    tight(Limits {
        text: 10,
        ..Limits::default()
    });
}

#[test]
fn parameters_must_fit() {
    let good = small_model();
    let refuse = |name: &str, change: &dyn Fn(&mut Model)| {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(bad.validate(&Limits::default()).is_err(), "{name}");
        assert!(file::encode(&bad).is_err(), "{name}");
        assert!(bad.evaluate(&[0; 72]).is_err(), "{name}");
    };
    refuse("missing", &|m| m.params[0] = None);
    refuse("too few entries", &|m| {
        m.params.pop();
    });
    refuse("weights", &|m| {
        m.params[0].as_mut().unwrap().weights.pop();
    });
    refuse("bias", &|m| m.params[0].as_mut().unwrap().bias.push(0));
    refuse("weight too wide", &|m| {
        m.params[0].as_mut().unwrap().weights[0] = i32::MAX;
    });
    refuse("bias too wide", &|m| {
        m.params[0].as_mut().unwrap().bias[0] = i64::MAX;
    });
    refuse("where none belong", &|m| m.params[1] = m.params[0].clone());
    assert!(good.evaluate(&[0; 71]).is_err());
    assert!(good.evaluate(&[1 << 40; 72]).is_err());
}

#[test]
fn the_public_hash_knows_no_weight() {
    let model = small_model();
    let mut other = model.clone();
    other.params[0].as_mut().unwrap().weights[0] ^= 1;
    assert_eq!(other.graph.public_hash(), model.graph.public_hash());
    other.graph.tensors[0].frac_bits += 1;
    assert_ne!(other.graph.public_hash(), model.graph.public_hash());
}

#[test]
fn a_projection_is_part_of_the_file_and_of_the_hash() {
    let model = projected_model();
    let bytes = file::encode(&model).unwrap();
    let read = file::decode(&bytes).unwrap();
    assert_eq!(read, model);
    let steps = &read.graph.preprocess;
    let input = steps.apply(&[1.0, 2.0, 3.0], &[3], &[2]).unwrap();
    assert_eq!(input, [1.5, 3.0]);
    assert!(read.graph.quantise_input(&input).is_ok());
    let changed = |projection: Projection| {
        let mut other = model.clone();
        other.graph.preprocess.projection = Some(projection);
        other
    };
    let other = changed(Projection::new(vec![3], 2, vec![8192, 0, 8192, 0, 0, 16_383]).unwrap());
    assert_ne!(other.graph.public_hash(), model.graph.public_hash());
    assert!(file::encode(&other).is_ok());
    let other = changed(Projection::new(vec![3], 3, vec![1; 9]).unwrap());
    let line = file::encode(&other).unwrap_err().to_string();
    assert!(line.contains("dimensions"), "{line}");
    let mut plain = model.clone();
    plain.graph.preprocess.projection = None;
    assert_ne!(plain.graph.public_hash(), model.graph.public_hash());
    // A length that lies is refused, in the file as in the graph.
    let graph = postcard::to_allocvec(&model.graph).unwrap();
    let params = &bytes[48 + graph.len()..bytes.len() - 32];
    let factor = [0, 32, 0, 0, 0, 32, 0, 0, 0, 0, 0, 64];
    let at = graph.windows(12).position(|w| w == factor).unwrap();
    for (place, value) in [
        (at - 1, 255),
        (at - 1, 10),
        (at - 1, 11),
        (at - 2, 1),
        (at - 3, 9),
    ] {
        let mut bad = graph.clone();
        bad[place] = value;
        assert!(
            file::decode(&with_graph(&bad, params)).is_err(),
            "{place} {value}"
        );
    }
    assert!(file::decode(&with_graph(&graph, params)).is_ok());
}

#[test]
fn the_summary_covers_every_tensor() {
    let graph = small_model().graph;
    let rows = summary(&graph);
    assert_eq!(rows.len(), graph.tensors.len());
    assert_eq!(rows[0].name, "input");
    assert_eq!(rows[0].layer, "");
    assert!(rows[1..].iter().all(|r| !r.layer.is_empty()));
    assert!(
        rows.iter()
            .all(|r| r.range_bits + r.headroom == r.ring_bits)
    );
}

#[test]
fn a_sparsity_map_is_public_and_holds_for_the_weights() {
    let mut model = small_model();
    let hash = model.graph.public_hash();
    let pairs = model.graph.nodes.iter_mut().zip(&mut model.params);
    for (node, params) in pairs {
        if let (Op::Linear(op), Some(params)) = (&mut node.op, params) {
            params.weights.iter_mut().step_by(3).for_each(|w| *w = 0);
            op.sparsity = Sparsity::of(&params.weights);
            assert!(op.sparsity.is_some());
        }
    }
    assert_ne!(model.graph.public_hash(), hash);
    let bytes = file::encode(&model).unwrap();
    assert_eq!(file::decode(&bytes).unwrap(), model);
    for params in model.params.iter_mut().flatten() {
        params.weights.fill(1);
    }
    let error = file::encode(&model).unwrap_err().to_string();
    assert!(error.contains("sparsity map"), "{error}");
}

#[test]
fn lists_beyond_the_limits_are_not_read() {
    let good = small_model().graph;
    let read =
        |graph: &Graph| postcard::from_bytes::<Graph>(&postcard::to_allocvec(graph).unwrap());
    assert_eq!(read(&good).unwrap(), good);
    let most = Limits::default().nodes;
    let refuse = |name: &str, change: &dyn Fn(&mut Graph)| {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(read(&bad).is_err(), "{name}");
        assert!(bad.validate(&Limits::default()).is_err(), "{name}");
    };
    refuse("layers", &|g| g.nodes = vec![g.nodes[0].clone(); most + 1]);
    refuse("tensors", &|g| {
        g.tensors = vec![g.tensors[0].clone(); most + 2];
    });
    refuse("classes", &|g| {
        g.classes = Some(vec![String::new(); most + 1]);
    });
    refuse("operands", &|g| g.nodes[0].inputs = vec![g.input; most + 1]);
    refuse("axes", &|g| g.tensors[0].shape = vec![1; 9]);
}
