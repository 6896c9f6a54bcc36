// A camera that orbits about a point, and the projection of points and lines to a canvas (pixels).

const NEAR = 0.05; // m

class Camera {
  constructor() {
    this.centre = [0, 0, 1];
    this.azimuth = -2.45; // rad, of the eye seen from the centre
    this.elevation = 0.42;
    this.distance = 2.8;
  }

  // Call before projecting, with the canvas's size in pixels.
  place(width, height) {
    const ca = Math.cos(this.azimuth), sa = Math.sin(this.azimuth);
    const ce = Math.cos(this.elevation), se = Math.sin(this.elevation);
    const toEye = [ce * ca, ce * sa, se];
    this.eye = this.centre.map((x, k) => x + this.distance * toEye[k]);
    this.forward = toEye.map(x => -x);
    this.right = [-sa, ca, 0];
    this.up = [-se * ca, -se * sa, ce];
    this.middle = [width / 2, height / 2];
    this.focus = 1.15 * Math.min(height, 1.2 * width);
  }

  orbit(dx, dy) {
    this.azimuth -= 0.006 * dx;
    this.elevation = clip(this.elevation + 0.006 * dy, 0.03, 1.5);
  }

  zoom(factor) { this.distance = clip(this.distance * factor, 0.8, 12); }

  // Point in the camera's frame: right, up, depth (m).
  view(point) {
    const d = point.map((x, k) => x - this.eye[k]);
    return [dot(d, this.right), dot(d, this.up), dot(d, this.forward)];
  }

  screen([x, y, depth]) {
    return [this.middle[0] + this.focus * x / depth, this.middle[1] - this.focus * y / depth];
  }

  // Where a point appears; null behind the camera.
  project(point) {
    const seen = this.view(point);
    return seen[2] < NEAR ? null : this.screen(seen);
  }

  // Pixels per metre at a point.
  scale(point) { return this.focus / Math.max(this.view(point)[2], NEAR); }

  // Add a line to a path, cut at the near plane.
  line(path, from, to) {
    let a = this.view(from), b = this.view(to);
    if (a[2] < NEAR && b[2] < NEAR) return;
    if (a[2] < NEAR) a = cut(b, a);
    if (b[2] < NEAR) b = cut(a, b);
    path.moveTo(...this.screen(a));
    path.lineTo(...this.screen(b));
  }

  // A closed path through points; empty when one is behind the camera.
  polygon(points) {
    const path = new Path2D(), seen = points.map(p => this.project(p));
    if (seen.includes(null)) return path;
    seen.forEach(p => path.lineTo(...p));
    path.closePath();
    return path;
  }

  // Where the ray through a pixel meets the plane at a height; null where it does not within 12 m.
  pick(px, py, height) {
    const x = (px - this.middle[0]) / this.focus, y = (this.middle[1] - py) / this.focus;
    const ray = this.forward.map((f, k) => f + x * this.right[k] + y * this.up[k]);
    const t = (height - this.eye[2]) / ray[2];
    const point = this.eye.map((e, k) => e + t * ray[k]);
    return t > 0 && Math.hypot(point[0], point[1]) < 12 ? point : null;
  }
}

function dot(a, b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// The point on the way from a to b at the near plane.
function cut(a, b) {
  const t = (a[2] - NEAR) / (a[2] - b[2]);
  return a.map((x, k) => x + t * (b[k] - x));
}
