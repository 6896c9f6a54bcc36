// One flight: the policy's wasm, the simulated quadrotor, what it is told to do and what happens to it.
// Nothing here knows of a document, so that tests fly it in node.

// The wasm build of the generated C, see shim_text in build.py.
class Policy {
  static async load(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes);
    return new Policy(instance.exports);
  }

  constructor(c) {
    this.c = c;
    this.observation = new Float32Array(c.memory.buffer, c.observation(), DATA.observationSize);
    this.action = new Float32Array(c.memory.buffer, c.action(), DATA.actionSize);
    c.reset();
  }

  reset() { this.c.reset(); }

  // Reads .observation, writes .action and returns the status bits.
  step() { return this.c.step() >>> 0; }

  // Microseconds per inference, mean of many; browsers' clocks are coarse.
  time(count = 2000) {
    const start = performance.now();
    for (let i = 0; i < count; i++) this.c.peek();
    return 1000 * (performance.now() - start) / count;
  }
}

const EIGHT_PERIOD = 5.5; // s per lap
const POKE_STEPS = 10; // a tenth of a second
const POKE_SPEED = 1.5; // m/s that it gives
const POKE_RATE = 4; // rad/s that it gives
const BLIND_STEPS = 10; // how long the gyro gives no numbers
const LOST = 20; // m

class Flight {
  constructor(policy, airframe) {
    this.policy = policy;
    this.airframe = airframe;
    this.target = [0, 0, 1];
    this.pokes = 0;
    this.wind = { fraction: 0, direction: 0 };
    this.reset();
  }

  // Hover at the target with an empty memory.
  reset() {
    this.policy.reset();
    this.state = hovering(this.airframe, this.target);
    // The rotors seem to follow a command given long ago.
    this.action = new Float32Array(4).fill(2 * hoverThrottle(this.airframe) - 1);
    this.steps = 0;
    this.eightStart = null;
    this.blow = null;
    this.blind = 0;
    this.status = 0;
    this.counts = DATA.flags.map(() => 0);
    this.error = 0;
  }

  get time() { return this.steps * DATA.timeStep; }

  get lost() { return !(this.error < LOST); }

  // What it is to follow now.
  get reference() {
    if (this.eightStart === null) return { position: this.target, velocity: [0, 0, 0] };
    const eight = figureEight(this.time - this.eightStart + DATA.hoverSeconds, EIGHT_PERIOD);
    return { position: eight.position.map((x, k) => x + this.target[k]), velocity: eight.velocity };
  }

  // Fly figure-eights about the target, or stay there.
  setEight(on) { this.eightStart = on ? this.time : null; }

  // The wind's force on the vehicle (N): constant, a fraction of its weight, towards a direction (rad).
  get windForce() {
    const { fraction, direction } = this.wind;
    const force = fraction * this.airframe.mass * DATA.gravity;
    return [force * Math.cos(direction), force * Math.sin(direction), 0];
  }

  // A blow of a tenth of a second, from another side each time.
  poke() {
    const side = 2.4 * this.pokes++;
    this.blow = { start: this.steps, away: [Math.cos(side), Math.sin(side), 0.3] };
  }

  // For a tenth of a second the gyro gives no numbers.
  blindGyro() { this.blind = BLIND_STEPS; }

  // Force (world, N) and torque (body, N m) that act besides the rotors'.
  get load() {
    const load = { force: this.windForce, torque: [0, 0, 0] };
    if (!this.blow || this.steps >= this.blow.start + POKE_STEPS) return load;
    const { mass, inertia } = this.airframe, { away } = this.blow, r = rotation(this.state);
    const seconds = POKE_STEPS * DATA.timeStep;
    for (let k = 0; k < 3; k++) {
      load.force[k] += mass * POKE_SPEED / seconds * away[k];
      // It hits above the centre of mass: about the horizontal axis across the blow.
      load.torque[k] = inertia[k] * POKE_RATE / seconds * (r[3 + k] * away[0] - r[k] * away[1]);
    }
    return load;
  }

  // Fly on for 10 ms: observe, decide, advance.
  step() {
    const { observation } = this.policy;
    observe(this.state, this.reference, this.action, observation);
    if (this.blind > 0) {
      this.blind--;
      observation.fill(NaN, 15, 18);
    }
    this.status = this.policy.step();
    DATA.flags.forEach(({ bit }, i) => { this.counts[i] += this.status & bit ? 1 : 0; });
    this.action.set(this.policy.action);
    this.state = advance(this.state, this.action, this.airframe, this.load);
    this.steps++;
    const { position } = this.reference;
    this.error = Math.hypot(...position.map((x, k) => this.state[k] - x));
  }
}
