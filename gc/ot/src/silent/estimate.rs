//! Bits of security of regular LPN over F_2, by the published formulas; the lowest counts.
//!
//! | attack | formulas from |
//! |---|---|
//! | pooled Gauss, statistical decoding (1 and 2.0), information set decoding (Stern-Dumer, BJMM) | eprint 2022/712, at (n − t, k − t, t): a regular instance has t parities for free |
//! | regular information set decoding (permutation and enumeration based) | eprint 2023/1568 |
//! | algebraic: Gröbner basis with guessed zeros | eprint 2023/176 |
//! | the same with hybrid linear algebra ("2.0") | eprint 2025/1476 |
//! | hybrid: guessed zeros and blocks, then linearised quadratic equations | eprint 2025/1284 |
//!
//! The formulas are the ones of the authors' public scripts (github.com/1234wangtr/Code_estimators), written anew with
//! logarithms in f64; searches are over the same variables. An estimate is an upper bound on what these attacks cost,
//! in operations; it proves nothing about others.

/// A regular LPN instance over F_2: `n` samples in `t` blocks with one error each, a secret of `k` bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instance {
    pub(crate) n: f64,
    pub(crate) k: f64,
    pub(crate) t: f64,
}

const NEVER: f64 = 9999.0;

fn ln_gamma(x: f64) -> f64 {
    if x < 12.0 {
        return ln_gamma(x + 1.0) - x.ln();
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

/// log2 of `n` choose `k`.
fn choose(n: f64, k: f64) -> f64 {
    if k < 0.0 || k > n {
        return -NEVER;
    }
    (ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0)) / std::f64::consts::LN_2
}

/// log2(2^a + 2^b + …).
fn sum(terms: &[f64]) -> f64 {
    let top = terms.iter().copied().fold(-NEVER, f64::max);
    top + terms
        .iter()
        .map(|term| (term - top).exp2())
        .sum::<f64>()
        .log2()
}

/// Even and at most x.
fn even(x: f64) -> f64 {
    (x / 2.0).floor() * 2.0
}

/// Minimum of a function that falls, then rises, over the integers of a range.
fn convex_min(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    while high - low > 24.0 {
        let third = ((high - low) / 3.0).floor();
        if f(low + third) > f(high - third) {
            low += third;
        } else {
            high -= third;
        }
    }
    let mut best = NEVER;
    let mut x = low;
    while x <= high {
        best = best.min(f(x));
        x += 1.0;
    }
    best
}

impl Instance {
    pub(crate) fn new(n: u64, k: u64, t: u64) -> Self {
        // Exact: all three are far below 2^53.
        Self {
            n: n as f64,
            k: k as f64,
            t: t as f64,
        }
    }

    /// The instance of exact noise that is left when each block's parity is used.
    fn without_parities(self) -> Self {
        Self {
            n: self.n - self.t,
            k: self.k - self.t,
            t: self.t,
        }
    }

    /// eprint 2022/712: guess k error-free samples, invert.
    fn gauss(self) -> f64 {
        let success = choose(self.n - self.k, self.t) - choose(self.n, self.t);
        2.8 * self.k.min(self.n - self.k).log2() - success
    }

    /// eprint 2022/712, statistical decoding.
    fn statistical(self) -> f64 {
        let ratio = (self.n - self.t + 1.0) / (self.n - self.k - self.t);
        (self.k + 1.0).log2() + 2.0 * self.t * ratio.log2()
    }

    /// eprint 2022/712, statistical decoding 2.0.
    fn statistical_2(self) -> f64 {
        let guessed = self.gauss().floor().min(self.k - 1.0);
        Self {
            k: self.k - guessed,
            ..self
        }
        .statistical()
    }

    /// eprint 2022/712, Stern-Dumer with weight p in k + l positions.
    fn stern_dumer_at(self, l: f64, p: f64) -> f64 {
        let (n, k, t) = (self.n, self.k, self.t);
        let l = even(k + l) - k + 2.0;
        if n - k - l < 2.0 || p > t {
            return NEVER;
        }
        let list = choose(((k + l) / 2.0).floor(), p / 2.0);
        let merged = 2.0 * list - l;
        let gauss = (n - k - l).log2() + n.log2() - (n - k - l).log2().log2();
        let iteration = sum(&[gauss, 1.0 + list, 1.0 + merged]) + n.log2();
        let success = choose(n - k - l, t - p) - choose(n, t) + l + merged;
        if success >= 0.0 {
            NEVER
        } else {
            iteration - success
        }
    }

    fn stern_dumer(self) -> f64 {
        let mut best = self.stern_dumer_at(0.0, 0.0);
        let mut p = 0.0;
        while p <= self.t / 2.0 {
            let here = convex_min(1.0, (self.n - self.k - 8.0).min(2000.0), |l| {
                self.stern_dumer_at(l, p)
            });
            if here > best + 30.0 {
                break;
            }
            best = best.min(here);
            p += 2.0;
        }
        best
    }

    /// eprint 2022/712, BJMM with depth 3: sizes p2, e1, e2 and window l; r1 and r2 at their optimum.
    fn bjmm_at(self, p2: f64, l: f64, e1: f64, e2: f64) -> f64 {
        let (n, k, t) = (self.n, self.k, self.t);
        let p1 = 2.0 * (p2 - e2);
        let p = 2.0 * (p1 - e1);
        let pairs = |half: f64, e: f64, all: f64| {
            choose(half, e) + choose(all - half, half - e) - choose(all, half)
        };
        let all = k + l;
        let half = (all / 2.0).floor();
        let (term1, term2) = (choose(half, (p2 / 2.0).floor()), choose(all, p1));
        let r2 = (pairs(p2, e2, all) + 4.0 * term1 - term2)
            .trunc()
            .clamp(0.0, (l - 1.0).max(0.0));
        let term3 = choose(p1, e1) + choose(all - p1, p1 - e1);
        let term4 = term3 + term2 - choose(all, p);
        let mut r1 = (term4.trunc() - r2).max(0.0);
        if r1 + r2 >= l {
            r1 = (l - r2 - 1.0).max(0.0);
        }
        // Costs, with k + l even.
        let l = even(k + l) - k + 2.0;
        let all = k + l;
        if n - k - l < 2.0 || p > t {
            return NEVER;
        }
        let s3 = choose((all / 2.0).floor(), (p2 / 2.0).floor());
        let c3 = 2.0 * s3 - r2;
        let c2 = 2.0 * c3 - r1;
        let s1 = (pairs(p2, e2, all) + c2).min(choose(all, p1) - r1 - r2);
        let c1 = 2.0 * s1 - l + r1 + r2;
        let s0 = (pairs(p1, e1, all) + c1).min(choose(all, p) - l);
        let gauss = (n - k - l).log2() + n.log2() - (n - k - l).log2().log2();
        let iteration = sum(&[gauss, 3.0 + s3, 2.0 + c3, 1.0 + c2, 1.0 + c1]) + n.log2();
        let success = choose(n - k - l, t - p) + l + s0 - choose(n, t);
        if success >= 0.0 {
            NEVER
        } else {
            iteration - success
        }
    }

    fn bjmm(self) -> f64 {
        let mut best = NEVER;
        let mut p2 = 0.0;
        while p2 < self.t {
            let at = |l: f64| {
                let mut low = NEVER;
                let mut e2 = 0.0;
                while e2 < p2.max(1.0) {
                    let p1 = 2.0 * (p2 - e2);
                    let mut e1 = (p1 - (self.t / 2.0).floor()).max(0.0);
                    while e1 < p1.max(1.0) {
                        low = low.min(self.bjmm_at(p2, l, e1, e2));
                        e1 += 1.0;
                    }
                    e2 += 1.0;
                }
                low
            };
            let here = convex_min(0.0, ((self.n - self.k - 2.0) / 8.0).floor().min(1000.0), at);
            if here > best + 8.0 {
                break;
            }
            best = best.min(here);
            p2 += 2.0;
        }
        best
    }

    /// eprint 2023/1568, §A.1: as many positions from each block; permutation based, then enumeration based.
    fn regular_isd(self) -> f64 {
        let beta = (self.n / self.t).floor();
        let (n, w) = (beta * self.t, self.t);
        let k = n - (self.n - self.k) - w;
        let mut best = 2.0 * (n - k).log2() + n.log2() - w * (1.0 - k / n).log2();
        let half = (w / 2.0).round();
        let mut p = 0.0;
        while p < 40.0 {
            let guess = choose(half, (p / 2.0_f64).floor()) + (p / 2.0) * (k / w).log2();
            let mut l = (guess * 0.5).ceil();
            while l < (guess.max(1.0) * 2.5).round() {
                let v = (k + l) / w;
                let success = choose((w / 2.0).floor(), p / 2.0)
                    + choose((w / 2.0).ceil(), p / 2.0)
                    + p * (v / beta).log2()
                    + (w - p) * (1.0 - v / beta).log2();
                let list = choose(half, p / 2.0) + (p / 2.0) * v.log2();
                let iteration =
                    n.log2() + (2.0 * (n - k).log2()).max(1.0 + list).max(2.0 * list - l);
                best = best.min(iteration - success);
                l += 1.0;
            }
            p += 2.0;
        }
        best
    }

    /// Coefficients of z to z^4 of (1 + (β−μ−1)z)^f·(1 + (β−1)z)^(t−f).
    fn monomials(self, f: f64, mu: f64) -> [f64; 5] {
        let beta = (self.n / self.t).floor();
        product(&power(beta - mu - 1.0, f), &power(beta - 1.0, self.t - f))
    }

    /// Number of monomials up to each degree 2, 3, 4, and what is left when the equations are subtracted.
    /// eprint 2023/176, §4: the Hilbert series times (1 + z)^−(n−k) (1 + z).
    fn sizes(self, f: f64, mu: f64) -> ([f64; 3], [f64; 3]) {
        let all = self.monomials(f, mu);
        let r = self.n - self.k;
        let c = [
            1.0,
            -(r - 1.0),
            r * (r - 1.0) / 2.0,
            -(r + 1.0) * r * (r - 1.0) / 6.0,
            (r + 2.0) * (r + 1.0) * r * (r - 1.0) / 24.0,
        ];
        let left = product(&all, &c);
        // The scripts sum degrees 1 and 2 together.
        let upto = |s: &[f64; 5]| {
            let two = s[1] + s[2];
            [two, two + s[3], two + s[3] + s[4]]
        };
        (upto(&all), upto(&left))
    }

    /// eprint 2023/176 and, with the cheaper linear algebra, eprint 2025/1476.
    fn algebraic(self) -> f64 {
        let beta = (self.n / self.t).floor();
        let miss = |f: f64, mu: f64| -f * (1.0 - mu / beta).log2();
        let mut best = NEVER;
        let step = (self.t / 64.0).floor().max(1.0);
        let mut f = self.t;
        while f >= 0.0 {
            let end = if f > 0.0 {
                (self.k / f).floor().min(beta - 2.0)
            } else {
                0.0
            };
            // The degree falls with μ: the smallest μ for each degree, and a few beyond.
            for degree in 0..3usize {
                let solved = |mu: f64| (0..=degree).any(|d| self.sizes(f, mu).1[d] < 1.0);
                if !solved(end) {
                    continue;
                }
                let (mut low, mut high) = (0.0, end);
                while high - low > 0.5 {
                    let mid = ((low + high) / 2.0).floor();
                    if solved(mid) {
                        high = mid;
                    } else {
                        low = mid + 1.0;
                    }
                }
                for extra in 0..24 {
                    let mu = high + (f64::from(extra) / 24.0).powi(2) * (end - high);
                    let mu = mu.floor();
                    let (all, _) = self.sizes(f, mu);
                    let plain = 2.0 * all[degree].log2() + (3.0 * (self.k + 1.0 - f * mu)).log2();
                    best = best.min(plain + miss(f, mu));
                    for part in 0..=48 {
                        let mu1 = (mu * f64::from(part) / 48.0).floor();
                        for f1 in [f, (f * 0.75).floor(), (f * 0.5).floor()] {
                            best = best.min(self.hybrid_algebra(degree, (f, mu), (f1, mu1)));
                        }
                    }
                }
            }
            f -= step;
        }
        best
    }

    /// eprint 2025/1476: eliminate with few guesses (f1, μ1), then finish for each of the many (f, μ).
    fn hybrid_algebra(self, degree: usize, (f, mu): (f64, f64), (f1, mu1): (f64, f64)) -> f64 {
        let beta = (self.n / self.t).floor();
        let (all, left) = self.sizes(f1, mu1);
        let (all, left) = (all[degree], left[degree].max(1.0));
        let rest = (all - left).max(1.0);
        let wiedemann = (3.0 * (self.k + 1.0 - f1 * mu1)).log2() + 2.0 * all.log2();
        let dense = all.log2() + 2.0 * rest.log2() - rest.log2().max(1.0).log2();
        let first = wiedemann.min(dense).max(0.0);
        let second = (5.64_f64.log2() + 2.8 * left.min(rest).log2()).max(0.0);
        let miss = |f: f64, mu: f64| -f * (1.0 - mu / beta).log2();
        sum(&[first + miss(f1, mu1), second + miss(f, mu)])
    }

    /// eprint 2025/1284 over F_2: `u` or `u + 1` zeros guessed in each block, the error's place in `q` blocks, then
    /// linearised quadratic equations.
    fn hybrid(self) -> f64 {
        let beta = (self.n / self.t).floor();
        let h = self.t;
        let n = beta * h;
        let k = n - (self.n - self.k);
        let mut best = NEVER;
        let mut u = 0.0;
        while u < beta - 2.0 {
            if -(h - 32.0) * (1.0 - u / beta).log2() > best {
                break;
            }
            for q in 0..=24 {
                let q = f64::from(q);
                let at = |f: f64| hybrid_at((n, k, h), beta, u, f, q);
                // Costs are infinite up to some f, and fall or rise slowly from there.
                let (mut low, mut high) = (0.0, h - q - 1.0);
                if at(high) >= NEVER {
                    continue;
                }
                while high - low > 0.5 {
                    let mid = ((low + high) / 2.0_f64).floor();
                    if at(mid) < NEVER {
                        high = mid;
                    } else {
                        low = mid + 1.0;
                    }
                }
                for extra in 0..16 {
                    let f = high + (f64::from(extra) / 16.0) * (h - q - 1.0 - high);
                    best = best.min(at(f.floor()));
                }
            }
            u += 1.0;
        }
        best
    }

    /// Every estimate with its name.
    pub(crate) fn estimates(self) -> Vec<(&'static str, f64)> {
        let exact = self.without_parities();
        vec![
            ("pooled Gauss", exact.gauss()),
            ("statistical decoding", exact.statistical()),
            ("statistical decoding 2.0", exact.statistical_2()),
            ("Stern-Dumer", exact.stern_dumer()),
            ("BJMM", exact.bjmm()),
            ("regular ISD", self.regular_isd()),
            ("algebraic", self.algebraic()),
            ("hybrid", self.hybrid()),
        ]
    }
}

/// Binomial series of (1 + xz)^e to degree 4.
fn power(x: f64, e: f64) -> [f64; 5] {
    let mut out = [1.0; 5];
    for d in 1..5 {
        let below = d as f64 - 1.0;
        out[d] = out[d - 1] * x * (e - below) / (below + 1.0);
    }
    out
}

fn product(a: &[f64; 5], b: &[f64; 5]) -> [f64; 5] {
    std::array::from_fn(|d| (0..=d).map(|i| a[i] * b[d - i]).sum())
}

fn hybrid_at((n, k, h): (f64, f64, f64), beta: f64, u: f64, f: f64, q: f64) -> f64 {
    if n - h - f - (h - q) * u <= 0.0 {
        return NEVER;
    }
    let success = (1.0 - (u + 1.0) / beta).log2() * f + (1.0 - u / beta).log2() * (h - q - f);
    let r = n - k;
    let blocks = (r / (beta - 1.0)).floor();
    let unknowns = k - h - (u + 1.0) * f - (h - f - q) * u;
    let rows = (r - blocks * (beta - u - 2.0)).max(0.0);
    let first = (rows * r * (rows + unknowns)).max(1.0).log2();
    if unknowns <= 0.0 {
        return first - success;
    }
    let equations = (h - f - q) * (beta - u - 2.0) * (beta - u - 1.0) / 2.0
        + f * (beta - u - 2.0) * (beta - u - 3.0) / 2.0;
    let w = (beta - 1.0) * q;
    let v = unknowns - w;
    if v < 0.0 || v > (2.0 * equations).sqrt() - 2.0 {
        return NEVER;
    }
    let tries = beta.log2() * q;
    if v == 0.0 {
        return sum(&[first, 0.0, tries]) - success;
    }
    let second =
        4.0 * v.log2() + 2.0 * unknowns.log2() - 3.0 - (v * v / 2.0).max(2.0).log2().log2();
    let third =
        1.25 * (2.0 * v * v * w + v * w * w) + (2.5 * v).powi(3) / (2.5 * v).max(2.0).log2();
    sum(&[first, second.max(0.0), third.max(1.0).log2() + tries]) - success
}
