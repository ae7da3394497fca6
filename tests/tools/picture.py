"""The picture of a demo: what Terraform did, and when, as an SVG.

Two panels with the same lanes: the apply on the left, the destroy on the right. A bar is the time from `Creating...` to
`Creation complete`, or from `Destroying...` to `Destruction complete`, as Terraform printed it; a dot is the moment at
which Kubernetes set a node Ready.
"""

import datetime
import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, LANE, TOP, LABELS, GAP, MARGIN = 1000, 26, 74, 270, 36, 20
FONT = "font-family='system-ui, sans-serif'"
EVENT = re.compile(r"^(\S+(?:\[[^\]]*\])?): (Creating|Creation complete|Destroying|Destruction complete)")


@dataclass
class Panel:
    """One command of Terraform: when it ran, and when each resource was worked on."""

    title: str
    begun: float
    ended: float
    bars: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


def panel(title: str, lines: list[tuple[float, str]], begin: str, end: str) -> Panel:
    """Reads what a command printed, with the time of each line."""
    found = Panel(title, lines[0][0], lines[-1][0])
    started = {}
    for moment, line in lines:
        match = EVENT.match(line.strip())
        if match and match[2] == begin:
            started[match[1]] = moment
        elif match and match[2] == end and match[1] in started:
            found.bars[match[1]] = (started[match[1]], moment)
    return found


def moment_of(timestamp: str) -> float:
    """Seconds since 1970 of a time as Kubernetes writes it."""
    return datetime.datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


def draw(title: str, apply: Panel, destroy: Panel, ready: dict[str, float], names: dict[str, str]) -> str:
    """`ready` has the moments at which nodes became Ready, by resource; `names` what a lane is called."""
    lanes = sorted(apply.bars, key=lambda address: apply.bars[address])
    room = WIDTH - LABELS - GAP - 2 * MARGIN
    scale = room / max(1.0, apply.seconds + destroy.seconds)
    # A short destroy still needs room for its title.
    right = min(room * 0.6, max(220.0, destroy.seconds * scale))
    height = TOP + LANE * len(lanes) + 44
    out = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img' {FONT} font-size='12'>",
        f"<title>{escape(title)}</title>",
        f"<rect width='{WIDTH}' height='{height}' rx='8' fill='#ffffff' stroke='#d0d7de'/>",
        f"<text x='{MARGIN}' y='28' font-size='15' font-weight='600' fill='#1f2328'>{escape(title)}</text>",
    ]
    for number, address in enumerate(lanes):
        y = TOP + LANE * number
        if number % 2 == 0:
            out.append(f"<rect x='{MARGIN}' y='{y}' width='{WIDTH - 2 * MARGIN}' height='{LANE}' fill='#f6f8fa'/>")
        out.append(f"<text x='{MARGIN + 6}' y='{y + 17}' fill='#1f2328'>{escape(names.get(address, address))}</text>")
    for one, left, wide, colour in [
        (apply, MARGIN + LABELS, room - right, "#2da44e"), (destroy, MARGIN + LABELS + room - right + GAP, right, "#8c959f"),
    ]:
        out += axis(one, left, wide, TOP + LANE * len(lanes))
        for number, address in enumerate(lanes):
            if address not in one.bars:
                continue
            begin, end = (left + (moment - one.begun) / max(1.0, one.seconds) * wide for moment in one.bars[address])
            y = TOP + LANE * number + 6
            out.append(f"<rect x='{begin:.1f}' y='{y}' width='{max(2.0, end - begin):.1f}' height='14' rx='3' fill='{colour}'/>")
            if one is apply and address in ready:
                x = left + (ready[address] - one.begun) / max(1.0, one.seconds) * wide
                out.append(f"<circle cx='{min(x, end):.1f}' cy='{y + 7}' r='5' fill='#ffffff' stroke='#1a7f37' stroke-width='2'/>")
    out.append(
        f"<text x='{MARGIN + 6}' y='{height - 14}' fill='#57606a'>"
        "○ Kubernetes sets the node Ready. Times as printed by Terraform in a run of `make demo`.</text>"
    )
    return "\n".join([*out, "</svg>", ""])


def axis(one: Panel, left: float, wide: float, bottom: float) -> list[str]:
    """Title, frame and marks at whole seconds."""
    out = [
        f"<text x='{left:.1f}' y='54' font-weight='600' fill='#1f2328'>{escape(one.title)}: {one.seconds:.0f} s</text>",
        f"<line x1='{left:.1f}' y1='{TOP}' x2='{left:.1f}' y2='{bottom}' stroke='#d0d7de'/>",
    ]
    step = next((step for step in (1, 2, 5, 10, 20, 30, 60, 120) if one.seconds / step * 40 <= wide), 300)
    for second in range(0, int(one.seconds) + 1, step):
        x = left + second / max(1.0, one.seconds) * wide
        out.append(f"<line x1='{x:.1f}' y1='{bottom}' x2='{x:.1f}' y2='{bottom + 4}' stroke='#8c959f'/>")
        out.append(f"<text x='{x:.1f}' y='{bottom + 16}' font-size='10' text-anchor='middle' fill='#57606a'>{second} s</text>")
    return out
