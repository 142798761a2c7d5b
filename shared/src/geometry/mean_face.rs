//! The mean face: where 68 landmarks lie on an average, upright face.
//!
//! The points are those that RealForensics aligns to (frontal faces of the LRW
//! corpus), in a frame of 256 x 256 pixels, in the usual 68-point order.

use super::Point;

/// x and y of the 68 points in a frame of 256 x 256 pixels.
pub const MEAN_FACE: [[f32; 2]; 68] = [
    [70.924, 97.138],
    [72.625, 114.904],
    [75.989, 131.074],
    [79.270, 146.212],
    [83.613, 163.260],
    [91.331, 177.445],
    [100.272, 187.089],
    [112.124, 196.004],
    [130.742, 200.530],
    [149.855, 195.312],
    [163.102, 186.441],
    [173.653, 176.573],
    [182.436, 162.280],
    [187.167, 145.094],
    [190.229, 129.724],
    [193.021, 113.459],
    [194.439, 95.580],
    [81.331, 80.795],
    [87.759, 75.280],
    [96.227, 73.839],
    [104.555, 74.740],
    [112.232, 76.977],
    [144.496, 76.424],
    [152.348, 73.833],
    [161.131, 72.636],
    [170.587, 73.848],
    [178.214, 79.438],
    [128.734, 95.360],
    [128.489, 106.925],
    [128.245, 118.273],
    [128.266, 127.699],
    [118.760, 135.194],
    [122.963, 136.146],
    [128.870, 137.303],
    [134.943, 135.997],
    [139.483, 134.878],
    [92.522, 94.369],
    [97.585, 90.960],
    [105.414, 90.913],
    [112.772, 94.944],
    [106.104, 97.085],
    [98.046, 97.363],
    [145.525, 94.535],
    [152.590, 90.215],
    [160.612, 90.199],
    [166.677, 93.566],
    [160.560, 96.481],
    [152.205, 96.473],
    [107.168, 157.196],
    [114.476, 152.120],
    [123.849, 148.519],
    [128.976, 149.416],
    [134.144, 148.426],
    [144.177, 151.793],
    [152.193, 156.987],
    [143.860, 164.003],
    [136.744, 167.943],
    [129.153, 168.819],
    [121.795, 168.023],
    [115.275, 164.152],
    [109.231, 157.002],
    [122.503, 154.407],
    [129.029, 154.121],
    [135.836, 154.312],
    [150.758, 156.795],
    [135.662, 160.630],
    [128.952, 161.288],
    [122.488, 160.509],
];

/// Distance between the eye centres of [`MEAN_FACE`] in its pixels; an eye
/// centre is the mean of the six points around it.
pub const INTER_OCULAR: f32 = 54.292_1;

/// Centres of the left and the right eye (as seen in the picture) of
/// [`MEAN_FACE`].
pub fn mean_face_eyes() -> [Point; 2] {
    [eye_centre(36), eye_centre(42)]
}

/// Left eye, right eye (as seen in the picture), nose tip, left and right mouth corner of
/// [`MEAN_FACE`]: the landmarks that face finders give.
pub fn mean_face_five() -> [Point; 5] {
    let [left, right] = mean_face_eyes();
    let point = |at: usize| Point::new(MEAN_FACE[at][0], MEAN_FACE[at][1]);
    [left, right, point(30), point(48), point(54)]
}

fn eye_centre(first: usize) -> Point {
    let mut sum = Point::default();
    for [x, y] in &MEAN_FACE[first..first + 6] {
        sum.x += x;
        sum.y += y;
    }
    Point::new(sum.x / 6.0, sum.y / 6.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inter_ocular_is_the_distance_between_the_eyes() {
        let [left, right] = mean_face_eyes();
        let distance = left.distance(right);
        assert!((distance - INTER_OCULAR).abs() < 1e-3, "{distance}");
    }
}
