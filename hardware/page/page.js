// The document: sliders, buttons, keys and mouse, numbers, and the loop that flies in real time.

const LEAST_THRUST_TO_WEIGHT = 1.2;
const STEP_OF_TARGET = 0.25; // m
const LONGEST_FRAME = 0.1; // s; a page that was hidden does not catch up
const SHOWN_SECONDS = 1; // how long a flag stays lit

const find = id => document.getElementById(id);

class Page {
  constructor(policy) {
    this.policy = policy;
    this.flight = new Flight(policy, Object.values(DATA.airframes)[0]);
    this.scene = new Scene(find("scene"));
    this.errors = new StripChart(find("error-chart"), ["accent"], top => [0, roundAbove(top, 1)]);
    this.motors = new StripChart(find("motor-chart"), [0, 1, 2, 3].map(i => "motor-" + i), () => [-1, 1]);
    this.frames = 0;
    this.late = 0; // s that the flight is behind the clock
    this.timed = -Infinity;
    this.describe();
    this.listen();
    this.choose(this.flight.airframe.name);
  }

  describe() {
    find("name").textContent = `Policy \u201c${DATA.name}\u201d`;
    find("origin").textContent = `${DATA.parameters.toLocaleString("en")} weights, ${DATA.numberFormat},`
      + ` ${(DATA.wasmBytes / 1000).toFixed(1)} kB of WebAssembly`;
    const verdict = this.policy.c.selftest() >>> 0;
    const crc = (this.policy.c.weights_crc() >>> 0).toString(16).padStart(8, "0");
    this.selftest = verdict;
    find("selftest").textContent = verdict === 0
      ? `Self-test passed to the bit, CRC ${crc}`
      : `Self-test FAILED with code ${verdict}, CRC ${crc}`;
    find("selftest").style.color = verdict === 0 ? "" : "var(--warn)";
    this.flags = DATA.flags.map(({ name }) => {
      const flag = find("flags").appendChild(document.createElement("span"));
      flag.className = "flag";
      return { name, flag, count: 0, until: -Infinity };
    });
    for (const name of Object.keys(DATA.airframes)) find("airframe").add(new Option(name, name));
  }

  listen() {
    const { flight } = this, on = (id, event, act) => find(id).addEventListener(event, act);
    on("airframe", "change", () => this.choose(find("airframe").value));
    on("mass", "input", () => {
      const heaviest = fullThrust(flight.airframe) / (LEAST_THRUST_TO_WEIGHT * DATA.gravity);
      const mass = Math.min(Number(find("mass").value) * this.nominal.mass, heaviest);
      flight.airframe = withMass(flight.airframe, mass);
      this.showSliders();
    });
    on("thrust", "input", () => {
      flight.airframe = withThrustToWeight(flight.airframe, Number(find("thrust").value));
      this.showSliders();
    });
    for (const id of ["wind", "direction"]) {
      on(id, "input", () => {
        const direction = Number(find("direction").value) * Math.PI / 180;
        flight.wind = { fraction: Number(find("wind").value), direction };
        this.showSliders();
      });
    }
    on("poke", "click", () => flight.poke());
    on("blind", "click", () => flight.blindGyro());
    on("eight", "click", () => this.toggleEight());
    on("reset", "click", () => this.reset());
    window.addEventListener("keydown", event => this.key(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.scene.readColours());
    this.listenToMouse(find("scene"));
  }

  listenToMouse(canvas) {
    let held = null;
    canvas.addEventListener("pointerdown", event => {
      canvas.setPointerCapture(event.pointerId);
      held = { x: event.clientX, y: event.clientY, moved: 0 };
    });
    canvas.addEventListener("pointermove", event => {
      if (!held) return;
      const dx = event.clientX - held.x, dy = event.clientY - held.y;
      held = { x: event.clientX, y: event.clientY, moved: held.moved + Math.abs(dx) + Math.abs(dy) };
      if (held.moved > 4) this.scene.camera.orbit(dx, dy);
    });
    canvas.addEventListener("pointerup", event => {
      const click = held && held.moved <= 4, box = canvas.getBoundingClientRect();
      held = null;
      if (!click) return;
      const { camera } = this.scene, height = this.flight.target[2];
      const point = camera.pick(event.clientX - box.left, event.clientY - box.top, height);
      if (point) this.flight.target = [point[0], point[1], height];
    });
    canvas.addEventListener("pointercancel", () => { held = null; });
    canvas.addEventListener("wheel", event => {
      event.preventDefault();
      this.scene.camera.zoom(Math.exp(0.001 * event.deltaY));
    }, { passive: false });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, select")) return;
    const act = {
      p: () => this.flight.poke(), f: () => this.toggleEight(), r: () => this.reset(),
      w: () => this.moveTarget([0, 0, 1]), s: () => this.moveTarget([0, 0, -1]),
      ArrowUp: () => this.moveTarget(this.ahead(0)), ArrowLeft: () => this.moveTarget(this.ahead(1)),
      ArrowDown: () => this.moveTarget(this.ahead(2)), ArrowRight: () => this.moveTarget(this.ahead(3)),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    act();
    event.preventDefault();
  }

  // The world's horizontal axis nearest to the camera's view, turned left by quarters.
  ahead(quarters) {
    const facing = Math.round(2 * (this.scene.camera.azimuth + Math.PI) / Math.PI);
    const angle = (facing + quarters) * Math.PI / 2;
    return [Math.round(Math.cos(angle)), Math.round(Math.sin(angle)), 0];
  }

  moveTarget(direction) {
    const limits = [[-5, 5], [-5, 5], [0.25, 4]], { target } = this.flight;
    this.flight.target = target.map((x, k) => clip(x + STEP_OF_TARGET * direction[k], ...limits[k]));
  }

  // Fly another quadrotor, as it is by nature.
  choose(name) {
    this.nominal = this.flight.airframe = DATA.airframes[name];
    find("airframe").value = name;
    const ratio = thrustToWeight(this.nominal);
    Object.assign(find("mass"), { min: 0.5, max: 2 });
    Object.assign(find("thrust"), { min: LEAST_THRUST_TO_WEIGHT, max: Math.max(5, Math.ceil(1.5 * ratio)) });
    const times = enlargement(this.nominal);
    const [title, size] = find("vehicle").children;
    title.textContent = name;
    size.textContent = times > 1 ? `drawn ${times} times its size` : "drawn at its size";
    this.showSliders();
    this.reset();
  }

  // Start again at the target with an empty memory; the vehicle and the wind stay as they are.
  reset() {
    this.flight.reset();
    this.scene.restart();
    this.errors.clear();
    this.motors.clear();
    find("message").textContent = "";
    find("eight").setAttribute("aria-pressed", "false");
  }

  toggleEight() {
    const on = this.flight.eightStart === null;
    this.flight.setEight(on);
    find("eight").setAttribute("aria-pressed", String(on));
  }

  showSliders() {
    const { airframe, wind } = this.flight, { mass } = airframe;
    find("mass").value = mass / this.nominal.mass;
    const grams = `${(1000 * mass).toFixed(mass < 0.1 ? 1 : 0)} g`;
    find("mass-value").textContent = mass < 1 ? grams : `${mass.toFixed(2)} kg`;
    find("thrust").value = thrustToWeight(airframe);
    find("thrust-value").textContent = thrustToWeight(airframe).toFixed(2);
    find("wind").value = wind.fraction;
    const force = `force of ${Math.round(100 * wind.fraction)} % of the weight`;
    find("wind-value").textContent = wind.fraction ? force : "calm";
    find("direction").value = Math.round(wind.direction * 180 / Math.PI);
    find("direction-value").textContent = `towards ${Math.round(wind.direction * 180 / Math.PI)}\u00b0`;
  }

  // Fly on for 10 ms, and note what happened.
  step() {
    const { flight } = this;
    flight.step();
    this.scene.follow(flight);
    this.errors.add([100 * flight.error]);
    this.motors.add(flight.action);
    if (flight.lost) {
      this.reset();
      find("message").textContent = "The quadrotor was lost and starts again at the target.";
    }
  }

  // Fly and paint until now (ms); called by the browser before every picture.
  frame(now) {
    const seconds = clip((now - (this.last ?? now)) / 1000, 0, LONGEST_FRAME);
    this.last = now;
    for (this.late += seconds; this.late >= DATA.timeStep; this.late -= DATA.timeStep) this.step();
    this.show(seconds);
    this.frames++;
    requestAnimationFrame(time => this.frame(time));
  }

  show(seconds) {
    const { flight } = this, time = performance.now() / 1000;
    this.scene.draw(flight, seconds);
    this.errors.draw(this.scene.colour);
    this.motors.draw(this.scene.colour);
    find("error").textContent = (100 * flight.error).toFixed(1);
    find("tilt").textContent = (Math.acos(clip(rotation(flight.state)[8], -1, 1)) * 180 / Math.PI).toFixed(0);
    if (time > this.timed + 1) {
      find("inference").textContent = this.policy.time().toFixed(2);
      this.timed = time;
    }
    this.flags.forEach((shown, i) => {
      if (flight.counts[i] > shown.count) shown.until = time + SHOWN_SECONDS;
      shown.count = flight.counts[i];
      shown.flag.classList.toggle("on", time < shown.until);
      shown.flag.textContent = shown.count ? `${shown.name} ${shown.count}` : shown.name;
    });
  }
}

// Run the page, which is returned; what goes wrong is told in it.
async function start() {
  const tell = text => { find("message").textContent = text; };
  window.addEventListener("error", event => tell(`Something went wrong: ${event.message}`));
  window.addEventListener("unhandledrejection", event => tell(`Something went wrong: ${event.reason}`));
  if (typeof WebAssembly !== "object") return tell("This browser has no WebAssembly.");
  const page = new Page(await Policy.load(Uint8Array.from(atob(WASM), c => c.charCodeAt(0))));
  requestAnimationFrame(time => page.frame(time));
  return page;
}

const started = start();
