// A fixed flight by the page's own sliders, buttons, keys and mouse, faster than real time; returns what it saw.

async function check(page) {
  const { flight } = page, result = { selftest: page.selftest };

  // Fly for some seconds; the largest error, the error and command at the end (means of the last second).
  const fly = seconds => {
    let largest = 0, error = 0, command = 0, tilt = 0;
    const steps = Math.round(seconds / DATA.timeStep), last = Math.round(1 / DATA.timeStep);
    for (let i = 0; i < steps; i++) {
      page.step();
      largest = Math.max(largest, flight.error);
      if (i < steps - last) continue;
      error += flight.error / last;
      command += flight.action.reduce((sum, a) => sum + a / 4, 0) / last;
      tilt += Math.acos(clip(rotation(flight.state)[8], -1, 1)) / last;
    }
    page.show(DATA.timeStep);
    return { largest, error, command, tilt, counts: [...flight.counts], airframe: flight.airframe.name };
  };
  const slide = (id, value) => {
    find(id).value = value;
    find(id).dispatchEvent(new Event("input"));
    return find(id + "-value").textContent;
  };
  const choose = name => {
    find("airframe").value = name;
    find("airframe").dispatchEvent(new Event("change"));
  };
  const press = key => window.dispatchEvent(new KeyboardEvent("keydown", { key }));

  result.airframes = Object.keys(DATA.airframes).map(name => {
    choose(name);
    const hover = fly(4);
    find("poke").click();
    return { hover, poke: fly(4) };
  });
  choose("x500");
  result.before = fly(3);
  result.massText = slide("mass", 1.4);
  result.mass = { ...fly(4), kilograms: flight.airframe.mass, ratio: thrustToWeight(flight.airframe) };
  result.thrustText = slide("thrust", 4);
  result.thrust = { ...fly(4), kilograms: flight.airframe.mass, ratio: thrustToWeight(flight.airframe) };
  result.windText = slide("wind", 0.2);
  result.wind = fly(4);
  slide("wind", 0);
  result.calm = fly(4);
  find("blind").click();
  result.blind = fly(2);
  const { target } = flight;
  ["w", "ArrowUp", "ArrowLeft"].forEach(press);
  result.moved = flight.target.map((x, k) => x - target[k]);
  result.keys = fly(4);
  find("eight").click();
  result.eight = fly(9);
  result.eightText = find("eight").getAttribute("aria-pressed");
  find("reset").click();
  result.reset = fly(2);

  const { canvas, paint } = page.scene, box = canvas.getBoundingClientRect();
  const mouse = (type, x, y) => canvas.dispatchEvent(
    new PointerEvent(type, { pointerId: 1, clientX: box.left + x, clientY: box.top + y }));
  canvas.setPointerCapture = () => {}; // no pointer of this number is there
  const { azimuth } = page.scene.camera;
  mouse("pointerdown", 100, 100);
  mouse("pointermove", 160, 100);
  mouse("pointerup", 160, 100);
  result.orbited = page.scene.camera.azimuth - azimuth;
  page.show(0);
  const [x, y] = [0.6 * box.width, 0.7 * box.height];
  mouse("pointerdown", x, y);
  mouse("pointerup", x, y);
  page.scene.camera.place(box.width, box.height);
  result.clicked = Math.hypot(...page.scene.camera.project(flight.target).map((p, k) => p - [x, y][k]));
  result.toTarget = fly(6);

  const pixels = paint.getImageData(0, 0, canvas.width, canvas.height).data;
  result.colours = new Set(new Uint32Array(pixels.buffer)).size;
  const { frames } = page, { steps } = flight, start = performance.now();
  while (page.frames < frames + 20) await new Promise(requestAnimationFrame);
  result.flown = (flight.steps - steps) * DATA.timeStep;
  result.waited = (performance.now() - start) / 1000;
  result.resources = performance.getEntriesByType("resource").map(entry => entry.name);
  result.message = find("message").textContent;
  return result;
}
