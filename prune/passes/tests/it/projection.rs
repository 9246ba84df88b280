//! Learning a subspace, and networks on it.

use ndarray::Array2;
use privet_model::preprocess::{FACTOR_FRAC_BITS, Preprocess};
use privet_passes::digits::{self, SIDE};
use privet_passes::error::Error;
use privet_passes::network::Layer;
use privet_passes::project::{Basis, InMemory, Method, Options, Size, learn, project};
use privet_passes::report::Estimate;
use privet_passes::rng::Rng;
use privet_passes::train::{Control, Options as TrainOptions, train};
use privet_passes::{Dataset, Network, Split};

const METHODS: [Method; 2] = [Method::Columns, Method::Random { powers: 2, seed: 5 }];

/// Samples in a subspace of that rank, with noise of that size.
fn low_rank(samples: usize, features: usize, rank: usize, noise: f32) -> Dataset {
    let mut rng = Rng::new(1, 2);
    let factors = Array2::from_shape_simple_fn((rank, features), || rng.normal());
    let weights = Array2::from_shape_simple_fn((samples, rank), || rng.normal());
    let x = weights.dot(&factors)
        + Array2::from_shape_simple_fn((samples, features), || noise * rng.normal());
    Dataset::new(x, vec![0; samples], 1).unwrap()
}

/// ‖A − AUUᵀ‖ / ‖A‖ from the definition.
fn residual(data: &Dataset, basis: &Basis) -> f64 {
    let a = data.samples().mapv(f64::from);
    let u = basis.vectors();
    let rest = &a - &a.dot(u).dot(&u.t());
    let square = |m: &Array2<f64>| m.iter().map(|v| v * v).sum::<f64>();
    (square(&rest) / square(&a)).sqrt()
}

#[test]
fn a_subspace_is_found_exactly() {
    let data = low_rank(700, 30, 6, 0.0);
    for method in METHODS {
        let learned = learn(&mut InMemory::new(&data), method, Some(1e-4), 30).unwrap();
        assert_eq!(learned.rank(), 6, "{method:?}");
        let basis = learned.basis(6).unwrap();
        assert!(residual(&data, &basis) < 1e-5, "{method:?}");
        let less = learned.basis(5).unwrap();
        assert!(
            (residual(&data, &less) - learned.residual(5)).abs() < 1e-5,
            "{method:?}"
        );
        assert!(learned.residual(5) > 0.1);
    }
}

#[test]
fn epsilon_is_kept_and_not_wasted() {
    let data = low_rank(900, 40, 8, 0.3);
    for method in METHODS {
        for epsilon in [0.5, 0.2, 0.1] {
            let learned = learn(&mut InMemory::new(&data), method, Some(epsilon), 40).unwrap();
            let rank = learned.rank();
            let got = residual(&data, &learned.basis(rank).unwrap());
            assert!(got <= epsilon + 1e-6, "{method:?}: {got} for {epsilon}");
            assert!(
                learned.residual(rank - 1) > epsilon,
                "{method:?}: {rank} is too many"
            );
        }
        let few = learn(&mut InMemory::new(&data), method, Some(0.01), 5).unwrap_err();
        assert!(few.to_string().contains("epsilon"), "{few}");
    }
    let zeros = data.with_samples(Array2::zeros((900, 40))).unwrap();
    for method in METHODS {
        assert!(learn(&mut InMemory::new(&zeros), method, None, 3).is_err());
    }
}

#[test]
fn both_methods_are_near_the_best_subspace() {
    // The best residual of rank l is from the eigenvalues of the whole Gram matrix: learn all directions.
    let data = digits::dataset(1, 600).unwrap();
    let all = learn(
        &mut InMemory::new(&data),
        Method::Columns,
        None,
        SIDE * SIDE,
    )
    .unwrap();
    let best = all.residual(30);
    let random = learn(&mut InMemory::new(&data), METHODS[1], None, 30).unwrap();
    assert_eq!(random.rank(), 30);
    assert!(
        random.residual(30) < best * 1.02 + 1e-6,
        "{} against {best}",
        random.residual(30)
    );
    let columns = learn(&mut InMemory::new(&data), Method::Columns, None, 30).unwrap();
    assert_eq!(columns.rank(), 30);
    let own = all.residual(columns.rank());
    assert!(columns.residual(columns.rank()) < own * 1.6, "{own}");
}

#[test]
fn what_is_published_depends_on_the_column_space_alone() {
    let data = low_rank(500, 24, 5, 0.05);
    let basis = learn(&mut InMemory::new(&data), METHODS[1], None, 5)
        .unwrap()
        .basis(5)
        .unwrap();
    let published = basis.publish(&[4, 6]).unwrap();
    assert_eq!((published.input(), published.rank()), (&[4, 6][..], 5));
    // The same space, turned by orthogonal matrices.
    let mut rng = Rng::new(8, 1);
    for _ in 0..20 {
        let mut turn = Array2::<f64>::eye(5);
        for (i, j) in [(0, 1), (2, 4), (1, 3), (0, 4)] {
            let angle = f64::from(rng.normal());
            let mut r = Array2::<f64>::eye(5);
            (r[(i, i)], r[(j, j)]) = (angle.cos(), angle.cos());
            (r[(i, j)], r[(j, i)]) = (-angle.sin(), angle.sin());
            turn = turn.dot(&r);
        }
        let turned = Basis::new(basis.vectors().dot(&turn)).unwrap();
        assert_ne!(turned.vectors(), basis.vectors());
        assert_eq!(turned.publish(&[4, 6]).unwrap(), published);
    }
    let near =
        |a: &Array2<f64>, b: &Array2<f64>, by| a.iter().zip(b).all(|(a, b)| (a - b).abs() < by);
    let canonical = basis.canonical();
    assert!(near(&canonical.projector(), &basis.projector(), 1e-12));
    let factor: Vec<f64> = (published.factor().iter())
        .map(|g| f64::from(*g) / f64::from(1 << FACTOR_FRAC_BITS))
        .collect();
    let factor = Array2::from_shape_vec((24, 5), factor).unwrap();
    assert!(near(
        &factor,
        canonical.vectors(),
        0.500_001 / f64::from(1 << FACTOR_FRAC_BITS)
    ));
    assert!(Basis::new(canonical.vectors().mapv(|v| v * 1.01)).is_err());
    assert!(Basis::new(canonical.vectors().mapv(|_| f64::NAN)).is_err());
    assert!(basis.publish(&[4, 5]).is_err());
    // Another space is another factor.
    let other = learn(&mut InMemory::new(&data.take(50)), METHODS[1], None, 5).unwrap();
    assert_ne!(
        other.basis(5).unwrap().publish(&[24]).unwrap().factor(),
        published.factor()
    );
}

#[test]
fn embedded_samples_are_what_a_client_computes() {
    let data = digits::dataset(1, 40).unwrap();
    let learned = learn(&mut InMemory::new(&data), METHODS[0], None, 12).unwrap();
    let projection = learned
        .basis(12)
        .unwrap()
        .publish(&[1, SIDE, SIDE])
        .unwrap();
    let embedded = data.embedded(&projection).unwrap();
    let steps = Preprocess {
        projection: Some(projection.clone()),
        ..Preprocess::default()
    };
    for (raw, row) in data
        .samples()
        .outer_iter()
        .zip(embedded.samples().outer_iter())
    {
        let own = steps.apply(&raw.to_vec(), &[SIDE, SIDE], &[12]).unwrap();
        assert_eq!(own, row.to_vec());
    }
    assert_eq!(embedded.labels(), data.labels());
    assert_eq!(embedded.projection(), Some(&projection));
    assert_eq!(embedded.take(3).projection(), Some(&projection));
    assert!(embedded.embedded(&projection).is_err());
    let narrow = low_rank(3, 5, 1, 0.0);
    assert!(narrow.embedded(&projection).is_err());
}

fn trained() -> (Network, Split) {
    let split = digits::dataset(1, 2_000).unwrap().split(0.2, 1).unwrap();
    let mut rng = Rng::new(5, 0);
    let mut network = Network {
        name: "digits".to_owned(),
        input: vec![1, SIDE, SIDE],
        layers: vec![
            Layer::Reshape(vec![SIDE * SIDE]),
            Layer::linear(SIDE * SIDE, 24, &mut rng),
            Layer::Relu,
            Layer::linear(24, 10, &mut rng),
        ],
    };
    let options = TrainOptions {
        epochs: 10,
        batch: 32,
        rate: 3e-3,
        ..TrainOptions::default()
    };
    train(
        &mut network,
        &split.train,
        Some(&split.validation),
        &options,
        &mut |_| Control::Continue,
    )
    .unwrap();
    (network, split)
}

#[test]
fn a_projected_network_is_smaller_and_as_good() {
    let (network, split) = trained();
    let options = Options {
        method: METHODS[1],
        size: Size::Search {
            max_drop: 0.02,
            max_rank: 128,
        },
        retrain: TrainOptions {
            epochs: 5,
            rate: 2e-3,
            ..TrainOptions::default()
        },
    };
    let model = Estimate { bits: 16 };
    let found = project(&network, &split, &options, &model, &mut |_| {
        Control::Continue
    })
    .unwrap();
    let rank = found.projection.rank();
    assert!(rank <= 64, "{}", found.report.pass);
    assert_eq!(found.network.input, [rank]);
    assert!(found.report.after.accuracy >= found.report.before.accuracy - 0.02);
    assert!(
        found.report.after.cost.macs * 3 < found.report.before.cost.macs,
        "{:?}",
        found.report
    );
    // Without training, the whole space changes nothing.
    let whole = Options {
        size: Size::Rank(SIDE * SIDE),
        retrain: TrainOptions {
            epochs: 0,
            ..TrainOptions::default()
        },
        ..options
    };
    let same = project(&network, &split, &whole, &model, &mut |_| Control::Continue).unwrap();
    let embedded = split.validation.embedded(&same.projection).unwrap();
    let difference = same.network.logits(&embedded.samples()).unwrap()
        - network.logits(&split.validation.samples()).unwrap();
    assert!(difference.iter().all(|d| d.abs() < 1e-2));
    for size in [
        Size::Error(0.0),
        Size::Error(1.5),
        Size::Rank(0),
        Size::Rank(257),
    ] {
        let bad = Options {
            size,
            ..whole.clone()
        };
        let e = project(&network, &split, &bad, &model, &mut |_| Control::Continue).unwrap_err();
        assert!(matches!(e, Error::Option { .. }), "{e}");
    }
    let again = Split {
        train: split.train.embedded(&same.projection).unwrap(),
        validation: embedded,
    };
    let e = project(&same.network, &again, &whole, &model, &mut |_| {
        Control::Continue
    })
    .unwrap_err();
    assert!(e.to_string().contains("already"), "{e}");
}
