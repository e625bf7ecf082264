"""What a row of the table is: methods that are measured in turn, and bounds that ours is held to."""

from measure import Drowned, Failed, median


class Method:
    """One way to do what a row is about. `run` makes one measurement and gives its figures by name."""

    def __init__(self, name, who, run):
        self.name, self.who, self.run = name, who, run


class Bound:
    """What `measure` of ours has to be: a figure, or a factor of the best of those whose `who` is `of`, of which `called` is the name."""

    def __init__(self, measure, factor, of=None, called="", less=False, unit="", name="ours"):
        self.measure, self.factor, self.of, self.called = measure, factor, of, called
        self.less, self.unit, self.name = less, unit, name

    def verdict(self, methods, figures):
        """Whether it is met - None when it could not be asked -, the ratio if there is one, and a sentence."""
        mine = figures.get(self.name, {}).get(self.measure)
        said = self.measure if self.name == "ours" else f"{self.measure} of {self.name}"
        if mine is None:
            return False, None, f"{said}: could not be measured"
        holds = (lambda value: value <= self.factor) if self.less else (lambda value: value >= self.factor)
        asked = f"({'at most ' if self.less else ''}{self.factor:g}{self.unit} asked)"
        if self.of is None:
            met = holds(mine)
            return met, None, f"{said}: {number(mine)}{self.unit} {asked}: {word(met)}"
        names = [method.name for method in methods if method.who == self.of]
        theirs = {name: figures[name][self.measure] for name in names if self.measure in figures.get(name, {})}
        if not theirs:
            return None, None, f"{said}: {self.called} was not measured"
        best = (min if self.less else max)(theirs, key=theirs.get)
        ratio = mine / theirs[best]
        met = holds(ratio)
        whom = best if self.called in best else self.called if best in self.called else f"{self.called}, {best}"
        return met, ratio, f"{said}: {ratio:.2f} x {whom} {asked}: {word(met)}"


def word(met):
    return "met" if met else "FALLS SHORT"


class Row:
    """A row of the table. `prepare` starts what it needs and gives its methods; `columns` are the measures that are printed, in order."""

    name = title = ""
    columns, bounds = (), ()
    # Larger is worse for these; the first column decides the order in which methods are printed.
    falling = False
    # At most so many rounds, where one takes long and differs little.
    rounds = 99

    def __init__(self, world):
        self.world, self.site, self.bench = world, world.site, world.bench
        self.methods, self.runs, self.faults, self.drowned = [], {}, {}, {}

    def prepare(self):
        raise NotImplementedError

    def round(self, say):
        """Each method once."""
        for method in self.methods:
            if method.name in self.faults:
                continue
            try:
                figures = method.run()
            except Drowned as fault:
                self.drowned[method.name] = str(fault)
                say(f"{self.name}: {method.name}: {fault}")
                continue
            except Failed as fault:
                self.faults[method.name] = str(fault)
                say(f"{self.name}: {method.name}: {fault}")
                continue
            self.runs.setdefault(method.name, []).append(figures)
            say(f"{self.name}: {method.name}: " + ", ".join(f"{key} {number(value)}" for key, value in figures.items()))

    def figures(self):
        """The median of each measure of each method."""
        return {
            name: {key: median([run[key] for run in runs]) for key in runs[0]} for name, runs in self.runs.items()
        }

    def verdicts(self):
        return [bound.verdict(self.methods, self.figures()) for bound in self.bounds]

    def table(self):
        """As Markdown: a line for each method, ours first, with the ratio of ours to it; then the verdicts."""
        figures = self.figures()
        columns = self.columns
        lead = columns[0]
        ours = figures.get("ours", {}).get(lead)
        lines = [f"### {self.title}", "", "| method | " + " | ".join(columns) + " | min-max | ours is |"]
        lines.append("|---|" + "---|" * (len(columns) + 2))
        order = sorted(figures, key=lambda name: figures[name].get(lead, 0), reverse=not self.falling)
        for name in sorted(order, key=lambda name: not name.startswith("ours")):
            values = [run[lead] for run in self.runs[name] if lead in run]
            cells = [number(figures[name][key]) if key in figures[name] else "" for key in columns]
            spread = f"{number(min(values))}-{number(max(values))}" if values else ""
            ratio = f"{ours / figures[name][lead]:.2f} x" if ours and figures[name].get(lead) and name != "ours" else ""
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {spread} | {ratio} |")
        faults = {**{name: fault for name, fault in self.drowned.items() if name not in self.runs}, **self.faults}
        lines += [f"| {name} | not measured: {fault.splitlines()[0][:120]} |" + " |" * (len(columns) + 1) for name, fault in faults.items()]
        lines.append("")
        lines += [f"- {sentence}" for _, _, sentence in self.verdicts()]
        return "\n".join(lines)

    def json(self):
        return {
            "title": self.title,
            "medians": self.figures(),
            "runs": self.runs,
            "faults": self.faults,
            "verdicts": [
                {"measure": bound.measure, "met": met, "ratio": ratio, "says": says}
                for bound, (met, ratio, says) in zip(self.bounds, self.verdicts())
            ],
        }


def number(value):
    """With three digits that count."""
    if value != value:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
