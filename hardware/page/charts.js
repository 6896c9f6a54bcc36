// A strip chart: the last ten seconds of some quantities.

const CHART_SECONDS = 10;

class StripChart {
  // colours: names in the style sheet, one per quantity; limits: (largest value) => [low, high].
  constructor(canvas, colours, limits) {
    this.canvas = canvas;
    this.colours = colours;
    this.limits = limits;
    this.size = Math.round(CHART_SECONDS / DATA.timeStep);
    this.clear();
  }

  clear() { this.rows = []; }

  add(values) {
    this.rows.push(Array.from(values));
    if (this.rows.length > this.size) this.rows.shift();
  }

  draw(colour) {
    const ratio = window.devicePixelRatio || 1, { canvas, rows } = this;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const paint = canvas.getContext("2d");
    paint.setTransform(ratio, 0, 0, ratio, 0, 0);
    const [low, high] = this.limits(rows.reduce((top, row) => Math.max(top, ...row), 0));
    const left = 34, top = 6, bottom = height - 6;
    const y = value => bottom - (bottom - top) * (value - low) / (high - low);
    const x = i => width - (width - left) * (rows.length - 1 - i) / (this.size - 1);
    paint.font = "11px " + getComputedStyle(canvas).fontFamily;
    paint.textAlign = "right";
    paint.textBaseline = "middle";
    for (const value of [low, (low + high) / 2, high]) {
      paint.fillStyle = colour("line");
      paint.fillRect(left, Math.round(y(value)), width - left, 1);
      paint.fillStyle = colour("muted");
      paint.fillText(label(value), left - 6, y(value));
    }
    this.colours.forEach((name, k) => {
      paint.beginPath();
      rows.forEach((row, i) => paint.lineTo(x(i), y(clip(row[k], low, high))));
      paint.strokeStyle = colour(name);
      paint.lineWidth = 1.4;
      paint.stroke();
    });
  }
}

// The least round number above a value and above a smallest one.
function roundAbove(value, smallest) {
  for (let power = smallest; ; power *= 10) {
    for (const step of [1, 2, 5]) if (step * power >= value || step * power >= 1e6) return step * power;
  }
}

function label(value) { return Number(value.toPrecision(3)).toString().replace("-", "\u2212"); }
