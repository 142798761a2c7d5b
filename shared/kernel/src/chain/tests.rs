use super::super::tests::{at_all_levels_here, some};
use super::*;

/// A chain of every kind of link, on maps of odd sides as well.
fn links() -> Vec<Link> {
    let link = |kind, kernel, stride, before, outputs, size| Link {
        kind,
        kernel,
        stride,
        before,
        outputs,
        size,
        limit: Some(6.0),
        plus: None,
    };
    let point = |outputs, size| link(Kind::Point, 1, 1, 0, outputs, size);
    let bare = |outputs, size, plus| Link {
        limit: None,
        plus,
        ..point(outputs, size)
    };
    vec![
        link(Kind::Picture, 3, 2, 0, 16, [9, 13]),
        link(Kind::Depthwise, 3, 1, 1, 16, [9, 13]),
        bare(12, [9, 13], None),
        point(48, [9, 13]),
        link(Kind::Depthwise, 5, 2, 2, 48, [5, 7]),
        bare(24, [5, 7], None),
        point(32, [5, 7]),
        link(Kind::Depthwise, 5, 1, 2, 32, [5, 7]),
        bare(24, [5, 7], Some(5)),
        point(16, [5, 7]),
        link(Kind::Depthwise, 3, 2, 1, 16, [3, 4]),
        bare(20, [3, 4], None),
    ]
}

const PICTURE: [usize; 2] = [18, 26];

fn colours() -> Colours {
    Colours {
        scale: [2.0, 1.5, 1.0],
        bias: [-1.0, -0.75, 0.25],
    }
}

/// Kernel and bias of each link, one behind the other.
fn numbers() -> Vec<[Vec<f32>; 2]> {
    let mut inputs = COLOURS;
    let of = |(seed, link): (usize, &Link)| {
        let square = link.kernel * link.kernel;
        let reads = match link.kind {
            Kind::Depthwise => square,
            _ => inputs * square,
        };
        inputs = link.outputs;
        // Some outputs lie below, some above the limits.
        let size = 4.0 / (reads as f32).sqrt();
        let weight = some(link.outputs * reads, seed);
        let bias = some(link.outputs, seed + 50);
        [
            weight.iter().map(|w| w * size).collect(),
            bias.iter().map(|b| b + 1.0).collect(),
        ]
    };
    links().iter().enumerate().map(of).collect()
}

/// The chain written down as its definition, in double precision.
fn define(weights: &[[Vec<f64>; 2]], picture: &[f64]) -> Vec<f64> {
    let colours = colours();
    let [height, width] = PICTURE;
    let area = height * width;
    let moved = |(at, x): (usize, &f64)| {
        let colour = at / area;
        x * f64::from(colours.scale[colour]) + f64::from(colours.bias[colour])
    };
    // Planes of each output, and their size.
    let mut maps: Vec<(Vec<f64>, [usize; 2])> =
        vec![(picture.iter().enumerate().map(moved).collect(), PICTURE)];
    for (link, [weight, bias]) in links().iter().zip(weights) {
        let (input, [rows, columns]) = &maps[maps.len() - 1];
        let inputs = input.len() / (rows * columns);
        let (k, [height, width]) = (link.kernel, link.size);
        let mut output = Vec::new();
        for (o, bias) in bias.iter().enumerate() {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let mut sum = *bias;
                let channels = match link.kind {
                    Kind::Depthwise => o..o + 1,
                    _ => 0..inputs,
                };
                let per_output = channels.len();
                for (at, c) in channels.enumerate() {
                    for (i, j) in (0..k).flat_map(|i| (0..k).map(move |j| (i, j))) {
                        let at_y = (y * link.stride + i).checked_sub(link.before);
                        let at_x = (x * link.stride + j).checked_sub(link.before);
                        let (Some(at_y), Some(at_x)) = (at_y, at_x) else {
                            continue;
                        };
                        if at_y < *rows && at_x < *columns {
                            let pixel = input[(c * rows + at_y) * columns + at_x];
                            sum += pixel * weight[((o * per_output + at) * k + i) * k + j];
                        }
                    }
                }
                if let Some(plus) = link.plus {
                    sum += maps[plus + 1].0[output.len()];
                }
                output.push(
                    link.limit
                        .map_or(sum, |high| sum.clamp(0.0, f64::from(high))),
                );
            }
        }
        maps.push((output, link.size));
    }
    let (last, [height, width]) = &maps[maps.len() - 1];
    let planes = last.chunks_exact(height * width);
    planes
        .map(|p| p.iter().sum::<f64>() / p.len() as f64)
        .collect()
}

fn doubled(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|x| f64::from(*x)).collect()
}

fn picture(seed: usize) -> Vec<f32> {
    let values = some(COLOURS * PICTURE[0] * PICTURE[1], seed);
    values.iter().map(|x| x / 2.0 + 0.5).collect()
}

/// Weights of the sum whose gradient is compared.
fn goal() -> Vec<f32> {
    some(20, 99)
}

fn packed(chain: &BlockChain, numbers: &[[Vec<f32>; 2]]) -> Packs {
    let both: Vec<Both<'_>> = numbers
        .iter()
        .map(|[weight, bias]| Both { weight, bias })
        .collect();
    chain.pack(&both).unwrap()
}

#[test]
fn features_are_as_defined() {
    at_all_levels_here(|| {
        let numbers = numbers();
        let weights: Vec<[Vec<f64>; 2]> = numbers
            .iter()
            .map(|n| n.each_ref().map(|n| doubled(n)))
            .collect();
        let pictures = [picture(1), picture(2)];
        for keep in [Keep::From(0), Keep::From(5), Keep::Nothing, Keep::Limits] {
            let chain = BlockChain::new(&links(), colours(), PICTURE, keep).unwrap();
            let (found, _) = chain.forward(&packed(&chain, &numbers), &pictures.concat());
            let want = pictures.iter().flat_map(|p| define(&weights, &doubled(p)));
            for (at, (got, want)) in found.iter().zip(want).enumerate() {
                let off = (f64::from(*got) - want).abs();
                assert!(off < 1e-4, "{keep:?}, {at}: {got}, not {want}");
            }
        }
    });
}

#[test]
fn gradients_are_those_of_finite_differences() {
    at_all_levels_here(|| {
        let numbers = numbers();
        let (pictures, goal) = ([picture(3), picture(4)], goal());
        let chain = BlockChain::new(&links(), colours(), PICTURE, Keep::From(0)).unwrap();
        let packs = packed(&chain, &numbers);
        let wanted = WantedGradients {
            weights_from: Some(0),
            pictures: true,
        };
        let (_, kept) = chain.forward(&packs, &pictures.concat());
        let slopes = goal.repeat(2);
        let (found, of_pictures) =
            chain.backward(&packs, &pictures.concat(), &kept, &slopes, wanted);

        let weights: Vec<[Vec<f64>; 2]> = numbers
            .iter()
            .map(|n| n.each_ref().map(|n| doubled(n)))
            .collect();
        let sum = |weights: &[[Vec<f64>; 2]], pictures: &[Vec<f64>; 2]| -> f64 {
            let features = pictures.iter().map(|p| define(weights, p));
            let pairs = features.flat_map(|f| f.into_iter().zip(&goal).collect::<Vec<_>>());
            pairs.map(|(f, g)| f * f64::from(*g)).sum()
        };
        let pictures = pictures.each_ref().map(|p| doubled(p));
        const STEP: f64 = 1e-6;
        let compare = |got: f32, up: f64, down: f64, what: &str| {
            let want = (up - down) / (2.0 * STEP);
            let off = (f64::from(got) - want).abs();
            assert!(
                off < 1e-3 * want.abs().max(0.1),
                "{what}: {got}, not {want}"
            );
        };
        let mut first = 0;
        for link in 0..weights.len() {
            for part in 0..2 {
                let length = weights[link][part].len();
                for at in (0..length).step_by(length / 3 + 1) {
                    let moved = |by: f64| {
                        let mut weights = weights.clone();
                        weights[link][part][at] += by;
                        sum(&weights, &pictures)
                    };
                    let what = format!("link {link}, part {part}, number {at}");
                    compare(found[first + at], moved(STEP), moved(-STEP), &what);
                }
                first += length;
            }
        }
        assert_eq!(first, found.len());
        let length = pictures[0].len();
        for at in (0..2 * length).step_by(217) {
            let moved = |by: f64| {
                let mut pictures = pictures.clone();
                pictures[at / length][at % length] += by;
                sum(&weights, &pictures)
            };
            compare(
                of_pictures[at],
                moved(STEP),
                moved(-STEP),
                &format!("pixel {at}"),
            );
        }
    });
}

#[test]
fn notes_of_the_limits_are_enough_for_the_pictures() {
    at_all_levels_here(|| {
        let (numbers, pictures) = (numbers(), [picture(7), picture(8)].concat());
        let slopes = goal().repeat(2);
        let gradients = |keep| {
            let chain = BlockChain::new(&links(), colours(), PICTURE, keep).unwrap();
            let packs = packed(&chain, &numbers);
            let (_, kept) = chain.forward(&packs, &pictures);
            let wanted = WantedGradients {
                weights_from: None,
                pictures: true,
            };
            chain.backward(&packs, &pictures, &kept, &slopes, wanted).1
        };
        assert_eq!(gradients(Keep::Limits), gradients(Keep::From(0)));
    });
}

#[test]
fn what_is_held_costs_nothing_and_changes_nothing() {
    let (numbers, pictures) = (numbers(), [picture(5), picture(6)].concat());
    let slopes = goal().repeat(2);
    let gradients = |kept_from, weights_from| {
        let chain = BlockChain::new(&links(), colours(), PICTURE, Keep::From(kept_from)).unwrap();
        let packs = packed(&chain, &numbers);
        let (_, kept) = chain.forward(&packs, &pictures);
        let wanted = WantedGradients {
            weights_from: Some(weights_from),
            pictures: false,
        };
        chain.backward(&packs, &pictures, &kept, &slopes, wanted).0
    };
    let all = gradients(0, 0);
    for first in 1..links().len() {
        let some = gradients(first - 1, first);
        assert_eq!(some, all[all.len() - some.len()..], "from link {first}");
    }
}

#[test]
fn links_that_the_loops_do_not_know_are_refused() {
    let known = |change: fn(&mut Vec<Link>)| {
        let mut links = links();
        change(&mut links);
        BlockChain::new(&links, colours(), PICTURE, Keep::From(0)).is_some()
    };
    assert!(known(|_| {}));
    assert!(!known(Vec::clear));
    assert!(!known(|links| links[0].kind = Kind::Point));
    assert!(!known(|links| links[1].kernel = 7));
    assert!(!known(|links| links[1].stride = 3));
    assert!(!known(|links| links[8].plus = Some(2)));
    assert!(!known(|links| links[8].limit = Some(6.0)));
    assert!(!known(|links| links[5].limit = Some(6.0)));
    assert!(!known(|links| links[11].limit = Some(6.0)));
}
