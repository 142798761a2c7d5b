//! Scenes composed of faces, parts of pictures without faces, and whole pictures.

use std::f32::consts::PI;

use anyhow::Result;
use unmask_shared::geometry::{FaceBox, Point, Similarity};
use unmask_shared::synthetic::Random;

use super::cover::{hand, mask};
use super::picture::{BackgroundPatch, Canvas, map_corners, map_ellipse, overlap};
use super::pool::{Loaded, Pool};
use super::weather::Weather;
use unmask_shared::face::Face;

/// From this score on a face of the teacher is one.
const SURE: f32 = 0.65;
/// From this score on it is good enough to be pasted.
const GOOD: f32 = 0.8;
/// Smallest face that the network must find, pixels.
const SIDE_MIN: f32 = 9.0;
/// ... and of the part of them that is large, as faces are whose landmarks are used.
const LARGE_MIN: f32 = 56.0;
const LARGE_SHARE: f32 = 0.4;
/// Least part of a face that must be seen.
const SEEN_MIN: f32 = 0.6;
/// Smallest part of a face of which nothing is claimed.
const SEEN_SOME: f32 = 0.15;
/// Most that a face is enlarged.
const ENLARGED_MAX: f32 = 1.8;

/// A picture to learn from.
#[derive(Clone, Debug)]
pub struct TrainingScene {
    /// `[3, height, width]`, RGB in [0, 1]
    pub planes: Vec<f32>,
    /// Faces to be found.
    pub faces: Vec<Face>,
    /// Boxes in which there may be a face.
    pub unsure: Vec<FaceBox>,
}

/// Makes scenes without end.
#[derive(Debug)]
pub struct Composer<'a> {
    pool: Pool<'a>,
    random: Random,
}

struct Draft {
    canvas: Canvas,
    /// What will be seen of the canvas.
    seen: FaceBox,
    faces: Vec<Face>,
    unsure: Vec<FaceBox>,
}

impl<'a> Composer<'a> {
    /// Composes of a pool; the same seed gives the same scenes.
    pub fn new(pool: Pool<'a>, seed: u64) -> Self {
        Self {
            pool,
            random: Random::new(seed, 0x0f1d),
        }
    }

    /// The next scene.
    ///
    /// # Errors
    /// When a stored picture is damaged.
    pub fn scene(&mut self, width: usize, height: usize) -> Result<TrainingScene> {
        self.pool.refresh(&mut self.random)?;
        let random = &mut self.random;
        let mut draft = Draft::new(random, width, height);
        draft.background(random, &self.pool);
        let kind = random.unit();
        if kind < 0.35 {
            let loaded = self.pool.any(random);
            draft.paste_whole(random, loaded);
        }
        let clutter = random.below(5);
        for _ in 0..clutter {
            draft.paste_part(random, &self.pool);
        }
        if random.chance(0.35) {
            draft.paste_fragments(random, &self.pool);
        }
        let faces = match kind {
            0.0..0.35 => random.below(3),
            0.35..0.92 => 1 + random.below(7),
            _ => 0,
        };
        for _ in 0..faces {
            draft.paste_face(random, &self.pool);
        }
        if random.chance(0.3) {
            draft.paste_hands(random);
        }
        for place in 0..draft.faces.len() {
            if random.chance(0.08) {
                draft.cover(random, &self.pool, place);
            } else if random.chance(0.12) {
                mask(&mut draft.canvas, &draft.faces[place], random);
            }
        }
        Ok(draft.finish(random))
    }
}

impl Draft {
    fn new(random: &mut Random, width: usize, height: usize) -> Self {
        let colour = std::array::from_fn(|_| random.range(0.0, 255.0));
        let cut = |random: &mut Random| {
            if random.chance(0.2) {
                random.below(32) as f32
            } else {
                0.0
            }
        };
        Self {
            canvas: Canvas::plain(width, height, colour),
            seen: FaceBox {
                x: 0.0,
                y: 0.0,
                width: width as f32 - cut(random),
                height: height as f32 - cut(random),
            },
            faces: Vec::new(),
            unsure: Vec::new(),
        }
    }

    /// Fills the canvas with a part of a picture without faces, or with a pattern.
    fn background(&mut self, random: &mut Random, pool: &Pool<'_>) {
        if random.chance(0.6)
            && let Some((loaded, part)) = pool.empty_part(random)
        {
            let (width, height) = (self.canvas.width as f32, self.canvas.height as f32);
            let scale = (part.width / width).min(part.height / height);
            let middle = part.centre();
            let patch = BackgroundPatch {
                to_picture: Similarity {
                    a: scale,
                    b: 0.0,
                    tx: middle.x - 0.5 * scale * width,
                    ty: middle.y - 0.5 * scale * height,
                },
                region: part,
                round: false,
                feather: 0.0,
                mirrored: false,
                gain: gain(random),
            };
            self.canvas.paste(&loaded.pyramid, &patch);
        } else {
            super::weather::pattern(&mut self.canvas, random);
        }
    }

    /// A whole picture as it is, with all its faces.
    fn paste_whole(&mut self, random: &mut Random, loaded: &Loaded) {
        let (width, height) = (
            loaded.pyramid.width() as f32,
            loaded.pyramid.height() as f32,
        );
        let fit = (self.seen.width / width).max(self.seen.height / height);
        let scale = (fit * random.range(0.45, 1.5)).min(ENLARGED_MAX);
        let angle = if random.chance(0.3) {
            angle(random)
        } else {
            0.0
        };
        let place = |random: &mut Random, room: f32, side: f32| {
            0.5 * room + random.range(-0.5, 0.5) * (room - scale * side).abs()
        };
        let middle = Point::new(
            place(random, self.seen.width, width),
            place(random, self.seen.height, height),
        );
        let region = FaceBox {
            x: 0.0,
            y: 0.0,
            width,
            height,
        };
        let to_canvas = about(region.centre(), middle, scale, angle);
        let mirrored = random.chance(0.5);
        self.paste(random, loaded, region, &to_canvas, mirrored);
    }

    /// A face with some of what is around it.
    fn paste_face(&mut self, random: &mut Random, pool: &Pool<'_>) {
        let Some((loaded, number)) = pool.face(random, GOOD) else {
            return;
        };
        let mirrored = random.chance(0.5);
        let width = loaded.pyramid.width() as f32;
        let face = if mirrored {
            mirror(&loaded.faces[number], width)
        } else {
            loaded.faces[number]
        };
        for _ in 0..4 {
            let own = face.bbox.area().sqrt();
            let most = (0.95 * self.seen.width.min(self.seen.height)).min(own * ENLARGED_MAX);
            let least = match random.chance(LARGE_SHARE) {
                true => LARGE_MIN,
                false => SIDE_MIN,
            };
            let side = least * (most / least).max(1.0).powf(random.unit());
            let to_canvas = about(
                face.bbox.centre(),
                self.place(random, side),
                side / own,
                angle(random),
            );
            let region = surroundings(random, &face.bbox, loaded);
            let covered = map_corners(&region, &to_canvas);
            let hides = |bbox: &FaceBox| overlap(bbox, &covered) > 0.1 * bbox.area();
            let hidden = self.faces.iter().any(|face| hides(&face.bbox));
            if !hidden && !self.unsure.iter().any(hides) {
                self.paste(random, loaded, region, &to_canvas, mirrored);
                return;
            }
        }
    }

    /// Where the middle of a face goes: mostly so that all of it is seen.
    fn place(&self, random: &mut Random, side: f32) -> Point {
        let half = if random.chance(0.8) { 0.6 * side } else { 0.0 };
        let along = |random: &mut Random, length: f32| {
            let half = half.min(0.5 * length);
            random.range(half, (length - half).max(half + 1e-3))
        };
        Point::new(
            along(random, self.seen.width),
            along(random, self.seen.height),
        )
    }

    /// Pastes a region of a picture, mirrored if so, and notes the faces in it.
    fn paste(
        &mut self,
        random: &mut Random,
        loaded: &Loaded,
        region: FaceBox,
        to_canvas: &Similarity,
        mirrored: bool,
    ) {
        let Some(to_picture) = to_canvas.inverse() else {
            return;
        };
        let whole = region.width >= loaded.pyramid.width() as f32;
        let soft = !whole || random.chance(0.3);
        let patch = BackgroundPatch {
            to_picture,
            region,
            round: !whole && random.chance(0.3),
            feather: if soft && random.chance(0.7) {
                random.range(0.02, 0.35)
            } else {
                0.0
            },
            mirrored,
            gain: gain(random),
        };
        self.canvas.paste(&loaded.pyramid, &patch);
        for face in &loaded.faces {
            let face = if mirrored {
                mirror(face, loaded.pyramid.width() as f32)
            } else {
                *face
            };
            let area = face.bbox.area().max(1e-3);
            let mapped = Face {
                bbox: map_ellipse(&face.bbox, to_canvas),
                landmarks: face.landmarks.map(|point| to_canvas.apply(point)),
                score: face.score,
            };
            let seen = overlap(&face.bbox, &region) / area
                * (overlap(&mapped.bbox, &self.seen) / mapped.bbox.area().max(1e-3));
            let side = mapped.bbox.area().sqrt();
            if face.score >= SURE && seen >= SEEN_MIN && side >= SIDE_MIN {
                self.faces.push(mapped);
            } else if seen >= SEEN_SOME && side >= 0.5 * SIDE_MIN {
                self.unsure.push(mapped.bbox);
            }
        }
    }

    /// A part of a picture without faces, anywhere and in any direction.
    fn paste_part(&mut self, random: &mut Random, pool: &Pool<'_>) {
        let Some((loaded, part)) = pool.empty_part(random) else {
            return;
        };
        let side = part.area().sqrt();
        let wanted = 12.0 * (self.seen.height / 12.0).powf(random.unit());
        let middle = Point::new(
            random.range(0.0, self.seen.width),
            random.range(0.0, self.seen.height),
        );
        let turn = random.range(-PI, PI);
        let to_canvas = about(part.centre(), middle, (wanted / side).min(3.0), turn);
        self.paste_over(random, loaded, part, &to_canvas);
    }

    /// Parts of a face that are none by themselves.
    fn paste_fragments(&mut self, random: &mut Random, pool: &Pool<'_>) {
        let Some((loaded, number)) = pool.face(random, SURE) else {
            return;
        };
        let bbox = loaded.faces[number].bbox;
        let wanted = SIDE_MIN * (self.seen.height / SIDE_MIN).powf(random.unit());
        for _ in 0..1 + random.below(5) {
            let part = FaceBox {
                x: bbox.x + random.range(-0.1, 0.7) * bbox.width,
                y: bbox.y + random.range(-0.1, 0.75) * bbox.height,
                width: random.range(0.25, 0.45) * bbox.width,
                height: random.range(0.2, 0.4) * bbox.height,
            };
            let middle = Point::new(
                random.range(0.0, self.seen.width),
                random.range(0.0, self.seen.height),
            );
            let scale = (wanted / bbox.area().sqrt()).min(ENLARGED_MAX);
            let to_canvas = about(part.centre(), middle, scale, angle(random));
            self.paste_over(random, loaded, part, &to_canvas);
        }
    }

    /// Pastes what is no face where it hides none.
    fn paste_over(
        &mut self,
        random: &mut Random,
        loaded: &Loaded,
        region: FaceBox,
        to_canvas: &Similarity,
    ) {
        let covered = map_corners(&region, to_canvas);
        let hides = |bbox: &FaceBox| overlap(bbox, &covered) > 0.05 * bbox.area();
        if self.faces.iter().any(|face| hides(&face.bbox)) || self.unsure.iter().any(hides) {
            return;
        }
        let Some(to_picture) = to_canvas.inverse() else {
            return;
        };
        let patch = BackgroundPatch {
            to_picture,
            region,
            round: random.chance(0.4),
            feather: if random.chance(0.5) {
                random.range(0.0, 0.4)
            } else {
                0.0
            },
            mirrored: false,
            gain: gain(random),
        };
        self.canvas.paste(&loaded.pyramid, &patch);
    }

    /// Hands, mostly of the colour of somebody in the scene.
    fn paste_hands(&mut self, random: &mut Random) {
        for _ in 0..1 + random.below(3) {
            let shade = random.range(0.25, 1.0);
            let skin = match self.faces.get(random.below(self.faces.len() + 1)) {
                Some(face) => self.canvas.colour(face.landmarks[2]),
                None => [235.0, 180.0, 150.0].map(|value: f32| value * shade),
            };
            let side = SIDE_MIN * (0.5 * self.seen.height / SIDE_MIN).powf(random.unit());
            let place = Point::new(
                random.range(0.0, self.seen.width),
                random.range(0.0, self.seen.height),
            );
            // A little more than its fingers reach.
            let reach = FaceBox {
                x: place.x - side,
                y: place.y - side,
                width: 2.0 * side,
                height: 2.0 * side,
            };
            let hides = |bbox: &FaceBox| overlap(bbox, &reach) > 0.05 * bbox.area();
            if !self.faces.iter().any(|face| hides(&face.bbox)) && !self.unsure.iter().any(hides) {
                hand(&mut self.canvas, place, side, skin, random);
            }
        }
    }

    /// Something in front of a part of a face.
    fn cover(&mut self, random: &mut Random, pool: &Pool<'_>, place: usize) {
        let bbox = self.faces[place].bbox;
        let Some((loaded, part)) = pool.empty_part(random) else {
            return;
        };
        let share = random.range(0.15, 0.38);
        let (dx, dy) = [(-1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, -1.0)][random.below(4)];
        let middle = bbox.centre();
        let middle = Point::new(
            middle.x + dx * (1.0 - share) * bbox.width,
            middle.y + dy * (1.0 - share) * bbox.height,
        );
        // As large as the face in its shorter direction, so that only a share is hidden.
        let scale = bbox.width.max(bbox.height) / part.width.min(part.height);
        let region = FaceBox {
            x: part.centre().x - 0.5 * bbox.width / scale,
            y: part.centre().y - 0.5 * bbox.height / scale,
            width: bbox.width / scale,
            height: bbox.height / scale,
        };
        let Some(to_picture) = about(region.centre(), middle, scale, 0.0).inverse() else {
            return;
        };
        let patch = BackgroundPatch {
            to_picture,
            region,
            round: false,
            feather: random.range(0.0, 0.2),
            mirrored: false,
            gain: gain(random),
        };
        self.canvas.paste(&loaded.pyramid, &patch);
    }

    fn finish(mut self, random: &mut Random) -> TrainingScene {
        let (width, height) = (self.canvas.width, self.canvas.height);
        Weather::sample(random).apply(&mut self.canvas, random);
        let mut planes = Vec::with_capacity(3 * width * height);
        let seen = [self.seen.width as usize, self.seen.height as usize];
        // Around their pictures, some programs put black and some grey.
        let beyond = if random.chance(0.5) { 0.0 } else { 0.5 };
        for colour in 0..3 {
            for y in 0..height {
                let row = &self.canvas.rgb[3 * y * width..3 * (y + 1) * width];
                planes.extend(row.chunks_exact(3).enumerate().map(|(x, pixel)| {
                    if x < seen[0] && y < seen[1] {
                        (pixel[colour] / 255.0).clamp(0.0, 1.0)
                    } else {
                        beyond
                    }
                }));
            }
        }
        TrainingScene {
            planes,
            faces: self.faces,
            unsure: self.unsure,
        }
    }
}

/// Turns and scales about `from`, which goes to `to`.
fn about(from: Point, to: Point, scale: f32, radians: f32) -> Similarity {
    Similarity::about(from, scale, radians, to.x - from.x, to.y - from.y)
}

/// Mostly small, up to 40 degrees.
fn angle(random: &mut Random) -> f32 {
    let degrees = if random.chance(0.6) {
        7.0 * random.normal(3.0)
    } else {
        random.range(-40.0, 40.0)
    };
    degrees.to_radians()
}

fn gain(random: &mut Random) -> [f32; 3] {
    if random.chance(0.4) {
        return [1.0; 3];
    }
    let light = random.range(0.65, 1.3);
    std::array::from_fn(|_| light * (1.0 + 0.06 * random.normal(2.0)))
}

/// A face with more or less of what is around it, within the picture.
fn surroundings(random: &mut Random, bbox: &FaceBox, loaded: &Loaded) -> FaceBox {
    let (width, height) = (
        loaded.pyramid.width() as f32,
        loaded.pyramid.height() as f32,
    );
    if random.chance(0.3) {
        return FaceBox {
            x: 0.0,
            y: 0.0,
            width,
            height,
        };
    }
    let most = random.range(0.15, 1.3);
    let mut reach = |side: f32| side * most * random.range(0.5, 1.0);
    let left = (bbox.x - reach(bbox.width)).max(0.0);
    let right = (bbox.x + bbox.width + reach(bbox.width)).min(width);
    let top = (bbox.y - reach(bbox.height)).max(0.0);
    let bottom = (bbox.y + bbox.height + reach(bbox.height)).min(height);
    FaceBox {
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
    }
}

/// In the mirrored picture; left and right change places.
fn mirror(face: &Face, width: f32) -> Face {
    let [left, right, nose, left_corner, right_corner] = face
        .landmarks
        .map(|point| Point::new(width - point.x, point.y));
    Face {
        bbox: FaceBox {
            x: width - face.bbox.x - face.bbox.width,
            ..face.bbox
        },
        landmarks: [right, left, nose, right_corner, left_corner],
        score: face.score,
    }
}

#[cfg(test)]
mod tests;
