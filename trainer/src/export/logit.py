import cv2, json, numpy as np, onnxruntime as ort
bundle = __file__.rpartition("/")[0] or "."
crop, graph = (json.load(open(bundle + "/manifest.json"))[key] for key in ("crop", "graph"))
FIVE = np.array([[-.5, 0], [.5, 0], [-.0255, .6218], [-.421, 1.1601], [.4083, 1.1668]])  # of the mean face, its eyes 1 apart
side, complex_ = crop["size"], np.array([1, 1j])
goal = (FIVE * crop["eye_distance"] * side + [side / 2, crop["eye_line"] * side]) @ complex_

def to_crop(five):  # eyes, nose tip, corners of the mouth in the frame, left ones of the picture first; the first pixel's middle is at 0.5
    seen = np.asarray(five, float) @ complex_
    z, w = seen - seen.mean(), goal - goal.mean()
    if crop.get("align", "box") == "landmarks":  # least squares, frame to crop (Umeyama, 1991)
        s = (w * z.conj()).sum() / (abs(z) ** 2).sum()
        o = goal.mean() - s * seen.mean()
    else:  # upright: the distance and the middle of the eyes of the mean face, fitted to the landmarks
        back = (z * w.conj()).sum() / (abs(w) ** 2).sum()
        eyes = goal[:2].mean()
        s, o = 1 / abs(back), eyes - (seen.mean() + back * (eyes - goal.mean())) / abs(back)
    return np.array([[s.real, -s.imag, o.real], [s.imag, s.real, o.imag]])

def network_input(frame_rgb, five, fine=4):  # uint8 [height, width, 3]; each pixel of the crop is the mean of 4 x 4 bilinear samples
    m = to_crop(five)
    m[:, 2] += m[:, :2] @ [.5, .5]
    m *= fine
    m[:, 2] -= .5
    big = cv2.warpAffine(frame_rgb, m, (side * fine, side * fine), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    small = big.reshape(side, fine, side, fine, 3).mean((1, 3)) / 255
    return small.transpose(2, 0, 1)[None].astype(np.float32)  # [1, 3, side, side], RGB in [0, 1]

run = ort.InferenceSession(bundle + "/model.onnx")
states = {s["input"]: np.zeros(s["shape"], np.float32) for s in graph["states"]}
def logit(image):  # frame after frame of one face; networks without states do not mind the order
    names = [graph["logit"]] + [s["output"] for s in graph["states"]]
    value, *after = run.run(names, {graph["image"]: image, **states})
    states.update(zip(states, after))
    return float(value.squeeze())  # grows with manipulation
