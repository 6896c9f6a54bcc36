// What the camera sees: ground, target, wind, trail and the quadrotor, painted from far to near.

const GROUND = 6; // m from the centre to the grid's end
const TRAIL_SECONDS = 5;
const STREAKS = 46;
const BLOW_SECONDS = 0.6; // how long a blow's arrow is seen
const CIRCLE = Array.from({ length: 41 }, (_, i) => [Math.cos(Math.PI * i / 20), Math.sin(Math.PI * i / 20)]);

class Scene {
  constructor(canvas) {
    this.canvas = canvas;
    this.camera = new Camera();
    this.trail = [];
    this.spin = [0.3, 1.1, 1.9, 2.7];
    this.drift = 0; // m that the wind has gone
    this.readColours();
  }

  // Colours are those of the style sheet, which knows light from dark.
  readColours() {
    const style = getComputedStyle(document.documentElement), known = {};
    this.colour = name => known[name] ??= style.getPropertyValue("--" + name).trim();
    this.thrustColours = ["thrust-low", "thrust-middle", "thrust-high"].map(name => rgb(this.colour(name)));
  }

  restart() { this.trail = []; }

  // Remember where the flight is; call at every step.
  follow(flight) {
    if (flight.steps % 3) return;
    this.trail.push(Array.from(flight.state.subarray(0, 3)));
    if (this.trail.length > TRAIL_SECONDS / (3 * DATA.timeStep)) this.trail.shift();
  }

  // Paint the flight; seconds since the last time.
  draw(flight, seconds) {
    const ratio = window.devicePixelRatio || 1;
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== columns || this.canvas.height !== rows) {
      this.canvas.width = columns;
      this.canvas.height = rows;
    }
    const paint = this.paint = this.canvas.getContext("2d");
    paint.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint.clearRect(0, 0, width, height);
    paint.lineCap = paint.lineJoin = "round";
    const position = flight.state.subarray(0, 3), camera = this.camera;
    const gain = 1 - Math.exp(-3 * seconds);
    camera.centre = camera.centre.map((x, k) => x + gain * (clip(position[k], -8, 8) - x));
    camera.place(width, height);
    this.ground();
    this.target(flight);
    this.wind(flight, seconds);
    const vehicle = shape(flight);
    this.shadow(vehicle);
    this.path();
    this.quadrotor(flight, vehicle, seconds);
    if (flight.blow) this.poke(flight);
  }

  // Lines a metre apart, fading with distance.
  ground() {
    const [cx, cy] = this.camera.centre.map(Math.round), bands = 10;
    const paths = Array.from({ length: bands }, () => new Path2D());
    for (let i = -GROUND; i <= GROUND; i++) {
      for (let j = -GROUND; j < GROUND; j += 0.5) {
        const band = Math.floor(Math.hypot(i, j + 0.25) / GROUND * bands);
        if (band >= bands) continue;
        this.camera.line(paths[band], [cx + i, cy + j, 0], [cx + i, cy + j + 0.5, 0]);
        this.camera.line(paths[band], [cx + j, cy + i, 0], [cx + j + 0.5, cy + i, 0]);
      }
    }
    paths.forEach((path, band) => this.stroke(path, "grid", 1, (1 - band / bands) ** 1.3));
  }

  target(flight) {
    const { position } = flight.reference;
    if (flight.eightStart !== null) {
      const eight = CIRCLE.flatMap((_, i) => [i, i + 0.5]).map(i => {
        const phase = 2 * Math.PI * i / CIRCLE.length;
        return flight.target.map((x, k) => x + [Math.sin(phase), Math.sin(2 * phase) / 2, 0][k]);
      });
      this.stroke(this.camera.polygon(eight), "target", 1, 0.45);
    }
    const drop = new Path2D(), cross = new Path2D();
    this.camera.line(drop, position, [position[0], position[1], 0]);
    this.paint.setLineDash([2, 5]);
    this.stroke(drop, "target", 1, 0.7);
    this.paint.setLineDash([]);
    for (const k of [0, 1, 2]) {
      const end = sign => position.map((x, i) => x + (i === k ? sign * 0.07 : 0));
      this.camera.line(cross, end(-1), end(1));
    }
    this.stroke(cross, "target", 1.6, 1);
    this.stroke(this.ring([position[0], position[1], 0], 0.12), "target", 1.2, 0.6);
  }

  // Streaks that drift with the wind; there are more of them, and faster, the harder it blows.
  wind(flight, seconds) {
    const { fraction, direction } = flight.wind;
    this.drift += 12 * fraction * seconds;
    if (fraction === 0) return;
    const along = [Math.cos(direction), Math.sin(direction)], span = 6, path = new Path2D();
    const [cx, cy] = this.camera.centre, count = Math.ceil(STREAKS * Math.min(1, 0.3 + 2 * fraction));
    for (let i = 0; i < count; i++) {
      // Places spread evenly by multiples of irrational numbers.
      const side = (i * 0.618 % 1 - 0.5) * span, height = 0.1 + 2.2 * (i * 0.7549 % 1);
      const forward = ((i * 0.5698 + this.drift / span * (0.8 + 0.4 * (i * 0.37 % 1))) % 1 - 0.5) * span;
      const at = t => [
        cx + (forward + t) * along[0] - side * along[1],
        cy + (forward + t) * along[1] + side * along[0],
        height,
      ];
      this.camera.line(path, at(0), at(0.15 + 0.9 * fraction));
    }
    this.stroke(path, "wind", 1.2, 0.75);
  }

  shadow({ rotors, radius, centre }) {
    if (centre[2] <= 0) return;
    const faint = clip(1.2 - 0.3 * centre[2], 0.15, 1);
    for (const p of rotors) this.fill(this.ring([p[0], p[1], 0], radius), "shadow", faint);
    this.fill(this.ring([centre[0], centre[1], 0], 0.5 * radius), "shadow", faint);
  }

  path() {
    this.paint.lineCap = "butt"; // round ends would show where two pieces meet
    for (let i = 1; i < this.trail.length; i++) {
      const piece = new Path2D();
      this.camera.line(piece, this.trail[i - 1], this.trail[i]);
      this.stroke(piece, "trail", 1 + i / this.trail.length, i / this.trail.length);
    }
    this.paint.lineCap = "round";
  }

  quadrotor(flight, { rotors, radius, centre, place }, seconds) {
    const depth = p => this.camera.view(p)[2], scale = this.camera.scale(centre);
    const arm = Math.hypot(...place.positions[0]);
    const rotor = i => () => this.rotor(flight, i, place, radius, seconds, scale);
    const parts = rotors.map((p, i) => [depth(p), rotor(i)]);
    parts.push([depth(centre), () => {
      const arms = new Path2D();
      rotors.forEach(p => this.camera.line(arms, centre, p));
      this.stroke(arms, "body", Math.max(2, 0.09 * arm * scale), 1);
      const edge = height => CIRCLE.map(([c, s]) => place([0.3 * arm * c, 0.22 * arm * s, height]));
      const disc = height => this.camera.polygon(edge(height));
      this.fill(disc(0), "body", 1);
      this.fill(disc(0.12 * arm), "body-top", 1);
      // The mark points where the vehicle's x axis does.
      const mark = [[1, 0], [0.45, 0.24], [0.54, 0], [0.45, -0.24]];
      this.fill(this.camera.polygon(mark.map(([x, y]) => place([x * arm, y * arm, 0.06 * arm]))), "mark", 1);
    }]);
    parts.sort((a, b) => b[0] - a[0]).forEach(part => part[1]());
  }

  rotor(flight, i, place, radius, seconds, scale) {
    const { airframe, state } = flight, speed = state[ROTOR_SPEED + i], c = airframe.thrust_coefficients[i];
    const [r, g, b] = mix(this.thrustColours, clip(thrust(c, speed) / thrust(c, 1), 0, 1));
    const hub = place.positions[i], lift = 0.14 * radius;
    const at = (x, y) => place([hub[0] + x * radius, hub[1] + y * radius, hub[2] + lift]);
    const disc = this.camera.polygon(CIRCLE.map(([cos, sin]) => at(cos, sin)));
    this.paint.fillStyle = `rgba(${r},${g},${b},0.5)`;
    this.paint.fill(disc);
    this.paint.strokeStyle = `rgb(${r},${g},${b})`;
    this.paint.lineWidth = Math.max(1.2, 0.05 * scale * radius);
    this.paint.stroke(disc);
    // Far slower than a real one; a rotor turns against its reaction torque.
    this.spin[i] -= DATA.yawSigns[i] * (4 + 14 * speed) * seconds;
    const blade = new Path2D(), x = Math.cos(this.spin[i]), y = Math.sin(this.spin[i]);
    this.camera.line(blade, at(-0.92 * x, -0.92 * y), at(0.92 * x, 0.92 * y));
    this.stroke(blade, "body", Math.max(1.5, 0.09 * radius * scale), 0.5);
  }

  // An arrow that ends where the blow falls; it fades.
  poke(flight) {
    const end = Array.from(flight.state.subarray(0, 3)), { away, start } = flight.blow, path = new Path2D();
    const age = (flight.steps - start) * DATA.timeStep;
    if (age > BLOW_SECONDS) return;
    const back = (t, side, up) => {
      const across = [-side * away[1], side * away[0], up];
      return end.map((x, k) => x - t * away[k] + across[k]);
    };
    this.camera.line(path, back(1, 0, 0), back(0.28, 0, 0));
    for (const [side, up] of [[0.07, 0], [-0.07, 0], [0, 0.07], [0, -0.07]]) {
      this.camera.line(path, back(0.42, side, up), back(0.28, 0, 0));
    }
    this.stroke(path, "mark", 3, 1 - age / BLOW_SECONDS);
  }

  ring(centre, radius) {
    const [x, y, z] = centre;
    return this.camera.polygon(CIRCLE.map(([c, s]) => [x + radius * c, y + radius * s, z]));
  }

  stroke(path, colour, width, alpha) {
    this.paint.globalAlpha = alpha;
    this.paint.strokeStyle = this.colour(colour);
    this.paint.lineWidth = width;
    this.paint.stroke(path);
    this.paint.globalAlpha = 1;
  }

  fill(path, colour, alpha) {
    this.paint.globalAlpha = alpha;
    this.paint.fillStyle = this.colour(colour);
    this.paint.fill(path);
    this.paint.globalAlpha = 1;
  }
}

// How many times its size a vehicle is drawn, so that small ones can be seen.
function enlargement(airframe) {
  const arm = Math.max(...airframe.rotor_positions.map(p => Math.hypot(...p)));
  return Math.max(1, Math.round(0.22 / arm));
}

// Where a flight's vehicle is drawn (world, m); place maps points of the enlarged body.
function shape({ airframe, state }) {
  const times = enlargement(airframe), r = rotation(state), centre = Array.from(state.subarray(0, 3));
  const place = ([x, y, z]) => centre.map((c, k) => c + r[3 * k] * x + r[3 * k + 1] * y + r[3 * k + 2] * z);
  place.positions = airframe.rotor_positions.map(p => p.map(x => times * x));
  const [a, b, c] = place.positions, gap = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]);
  return { centre, place, rotors: place.positions.map(place), radius: 0.46 * Math.min(gap(a, b), gap(b, c)) };
}

// "#rrggbb" as three numbers.
function rgb(hex) { return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)); }

// Between three colours, at a fraction of the way.
function mix([low, middle, high], fraction) {
  const [a, b, t] = fraction < 0.5 ? [low, middle, 2 * fraction] : [middle, high, 2 * fraction - 1];
  return a.map((x, k) => Math.round(x + t * (b[k] - x)));
}
