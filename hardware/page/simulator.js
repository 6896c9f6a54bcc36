// The quadrotor of the world "quadrotor" in plain JavaScript: the equations of envs/quadrotor/dynamics.py in
// double precision. World frame: z up (m, m/s). Body frame: x forward, y left, z up. Quaternions are
// (w, x, y, z), body to world. Rotors: front right, back right, back left, front left; speeds are
// fractions of the motors' range. DATA holds the numbers that Python gives, see build.py.

// Where a state of 17 numbers keeps what.
const POSITION = 0, ORIENTATION = 3, LINEAR_VELOCITY = 7, ANGULAR_VELOCITY = 10, ROTOR_SPEED = 13;
const STATE_SIZE = 17;
const FASTEST = 1e5;

function clip(x, low, high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

// Thrust of one rotor at a speed (N).
function thrust(coefficients, speed) {
  return coefficients[0] + speed * (coefficients[1] + speed * coefficients[2]);
}

// Thrust of all rotors at full speed (N).
function fullThrust(airframe) {
  return airframe.thrust_coefficients.reduce((sum, c) => sum + thrust(c, 1), 0);
}

function thrustToWeight(airframe) {
  return fullThrust(airframe) / (airframe.mass * DATA.gravity);
}

// Rotor speed, the same for all, at which the thrust is the weight.
function hoverThrottle(airframe) {
  let c0 = -airframe.mass * DATA.gravity, c1 = 0, c2 = 0;
  for (const c of airframe.thrust_coefficients) { c0 += c[0]; c1 += c[1]; c2 += c[2]; }
  return -2 * c0 / (c1 + Math.sqrt(c1 * c1 - 4 * c2 * c0));
}

// The same vehicle with a load in its centre of mass: inertia and rotors stay, the ratio of thrust to
// weight changes with the mass.
function withMass(airframe, mass) {
  return { ...airframe, mass };
}

// The same vehicle with stronger or weaker rotors; their reaction torque goes with their thrust.
function withThrustToWeight(airframe, ratio) {
  const factor = ratio / thrustToWeight(airframe);
  return { ...airframe, thrust_coefficients: airframe.thrust_coefficients.map(c => c.map(x => factor * x)) };
}

// Rows of the rotation matrix, body to world, of the quaternion in a state.
function rotation(state) {
  const w = state[3], x = state[4], y = state[5], z = state[6];
  return [
    1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
    2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
    2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
  ];
}

// Level and at rest at a position, rotors at hover speed.
function hovering(airframe, position) {
  const state = new Float64Array(STATE_SIZE);
  state.set(position, POSITION);
  state[ORIENTATION] = 1;
  state.fill(hoverThrottle(airframe), ROTOR_SPEED);
  return state;
}

// Time derivative of a state. load: {force: world (N), torque: body (N m)}.
function derivative(state, setpoints, airframe, load) {
  const [jx, jy, jz] = airframe.inertia;
  const [w0, x, y, z] = state.subarray(ORIENTATION, LINEAR_VELOCITY);
  const v = state.subarray(LINEAR_VELOCITY, ANGULAR_VELOCITY);
  const [wx, wy, wz] = state.subarray(ANGULAR_VELOCITY, ROTOR_SPEED);
  const slope = new Float64Array(STATE_SIZE);
  let lift = 0, tx = load.torque[0], ty = load.torque[1], tz = load.torque[2];
  for (let i = 0; i < 4; i++) {
    const speed = state[ROTOR_SPEED + i];
    const f = thrust(airframe.thrust_coefficients[i], speed);
    const arm = airframe.rotor_positions[i];
    lift += f;
    tx += arm[1] * f;
    ty -= arm[0] * f;
    tz += DATA.yawSigns[i] * airframe.torque_constants[i] * f;
    const { rising_time_constants: rising, falling_time_constants: falling } = airframe;
    slope[ROTOR_SPEED + i] = (setpoints[i] - speed) / (setpoints[i] >= speed ? rising[i] : falling[i]);
  }
  const r = rotation(state);
  // Forces along the body axes: lift, and drag on the velocity seen from there.
  const body = [0, 0, lift];
  for (let k = 0; k < 3; k++) body[k] -= airframe.drag[k] * (r[k] * v[0] + r[3 + k] * v[1] + r[6 + k] * v[2]);
  for (let k = 0; k < 3; k++) {
    slope[POSITION + k] = v[k];
    const along = r[3 * k] * body[0] + r[3 * k + 1] * body[1] + r[3 * k + 2] * body[2];
    slope[LINEAR_VELOCITY + k] = (along + load.force[k]) / airframe.mass;
  }
  slope[LINEAR_VELOCITY + 2] -= DATA.gravity;
  slope[ORIENTATION] = -0.5 * (x * wx + y * wy + z * wz);
  slope[ORIENTATION + 1] = 0.5 * (w0 * wx + y * wz - z * wy);
  slope[ORIENTATION + 2] = 0.5 * (w0 * wy + z * wx - x * wz);
  slope[ORIENTATION + 3] = 0.5 * (w0 * wz + x * wy - y * wx);
  slope[ANGULAR_VELOCITY] = (tx + (jy - jz) * wy * wz) / jx;
  slope[ANGULAR_VELOCITY + 1] = (ty + (jz - jx) * wz * wx) / jy;
  slope[ANGULAR_VELOCITY + 2] = (tz + (jx - jy) * wx * wy) / jz;
  return slope;
}

function along(state, time, slope) {
  return state.map((x, i) => x + time * slope[i]);
}

// The state 10 ms later, by one classical Runge-Kutta step. action: set-points of the rotors' speeds, -1
// (still) to 1 (full).
function advance(state, action, airframe, load) {
  const dt = DATA.timeStep;
  const setpoints = Array.from(action, a => 0.5 + 0.5 * clip(a, -1, 1));
  const k1 = derivative(state, setpoints, airframe, load);
  const k2 = derivative(along(state, dt / 2, k1), setpoints, airframe, load);
  const k3 = derivative(along(state, dt / 2, k2), setpoints, airframe, load);
  const k4 = derivative(along(state, dt, k3), setpoints, airframe, load);
  const next = state.map((x, i) => x + dt / 6 * (k1[i] + 2 * (k2[i] + k3[i]) + k4[i]));
  const length = Math.hypot(...next.subarray(ORIENTATION, LINEAR_VELOCITY));
  return next.map((x, i) => {
    if (i >= ROTOR_SPEED) return clip(x, 0, 1);
    return i >= ORIENTATION && i < LINEAR_VELOCITY ? x / length : clip(x, -FASTEST, FASTEST);
  });
}

// Write the policy's 22 observations: position error (clipped), rotation matrix, velocity error (clipped),
// angular velocity, previous action.
function observe(state, reference, previousAction, observation) {
  for (let k = 0; k < 3; k++) {
    const e = state[POSITION + k] - reference.position[k];
    const d = state[LINEAR_VELOCITY + k] - reference.velocity[k];
    observation[k] = clip(e, -DATA.positionClip, DATA.positionClip);
    observation[12 + k] = clip(d, -DATA.velocityClip, DATA.velocityClip);
    observation[15 + k] = state[ANGULAR_VELOCITY + k];
  }
  observation.set(rotation(state), 3);
  observation.set(previousAction, 18);
}

// Position (m) and velocity (m/s) of a figure-eight about the origin after a time (s): hover, rising phase
// speed, laps of this period (s).
function figureEight(time, period) {
  const full = 2 * Math.PI / period;
  const ramp = clip(time - DATA.hoverSeconds, 0, DATA.rampSeconds);
  const after = Math.max(time - DATA.hoverSeconds - DATA.rampSeconds, 0);
  const phase = full * (ramp * ramp / (2 * DATA.rampSeconds) + after);
  const speed = full * ramp / DATA.rampSeconds;
  return {
    position: [Math.sin(phase), Math.sin(2 * phase) / 2, 0],
    velocity: [speed * Math.cos(phase), speed * Math.cos(2 * phase), 0],
  };
}
