//! Aligned faces in memory, 8-bit, each also counted mirrored.

/// Pictures of `side` x `side` RGB with the eyes at the same place.
pub struct FaceSet {
    side: usize,
    faces: Vec<Vec<u8>>,
}

impl FaceSet {
    /// Every face must have `side * side * 3` bytes; others are left out.
    pub fn new(side: usize, mut faces: Vec<Vec<u8>>) -> Self {
        faces.retain(|face| face.len() == side * side * 3);
        Self { side, faces }
    }

    /// Number of faces, mirror images not counted.
    pub fn count(&self) -> usize {
        self.faces.len()
    }

    /// Pixels per side.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Calls `each` with (index, index in the mirror image, value in [0, 1])
    /// for every value of face `index`.
    pub fn read(&self, index: usize, mut each: impl FnMut(usize, usize, f32)) {
        for (i, pixel) in self.faces[index].chunks_exact(3).enumerate() {
            let mirrored = (i / self.side + 1) * self.side - 1 - i % self.side;
            for (channel, &value) in pixel.iter().enumerate() {
                each(
                    i * 3 + channel,
                    mirrored * 3 + channel,
                    f32::from(value) / 255.0,
                );
            }
        }
    }

    /// The mean of faces and mirror images.
    pub fn mean(&self) -> Vec<f32> {
        let mut sum = vec![0.0f64; self.side * self.side * 3];
        for index in 0..self.count() {
            self.read(index, |p, mirrored, value| {
                sum[p] += f64::from(value);
                sum[mirrored] += f64::from(value);
            });
        }
        let count = (self.count() * 2).max(1) as f64;
        sum.iter().map(|s| (s / count) as f32).collect()
    }
}

/// How much each value of a face picture counts: 1 on the face, falling to 0
/// before the corners, where photographs show anything but a face.
pub fn window(side: usize, eye_distance: f32, eye_line: f32) -> Vec<f32> {
    let mut window = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        for x in 0..side {
            let u = ((x as f32 + 0.5) / side as f32 - 0.5) / eye_distance;
            let v = ((y as f32 + 0.5) / side as f32 - eye_line) / eye_distance;
            let radius = ((u / 1.25).abs().powi(3) + ((v - 0.45) / 1.45).abs().powi(3)).cbrt();
            let weight = ((1.0 - radius) / 0.12 + 0.5).clamp(0.0, 1.0);
            window.extend([weight * weight * (3.0 - 2.0 * weight); 3]);
        }
    }
    window
}
