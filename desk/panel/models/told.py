"""What there is to say about one model: its quality, its files and hashes, whom it takes to get it, and how it fits."""

from dataclasses import dataclass

from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.models.catalogue import Entry, catalogue
from desk.models.contacts import contacts, hub_host, offline
from desk.models.fit import Fit
from desk.models.partial import plan_in
from desk.models.store import folder_of, imported_dir, mismatch, origin, part_of, stamps, variant_of
from desk.panel.models.rows import WORDS, Row
from desk.panel.words import tr

QUALITY = {
    "q8": tr("Weights in 8 bits."),
    "q4": tr("Weights rounded to 4 bits by their publisher. What that costs in quality was not measured here."),
    "q4f16": tr(
        "Weights rounded to 4 bits by their publisher, computed with 16-bit floats. "
        "What that costs in quality was not measured here."
    ),
    "fp16": tr("Weights in 16-bit floats, as published."),
}
"""What a precision means where the catalogue has no sentence of its own."""


@dataclass(frozen=True, slots=True)
class File:
    """One file: its size, and its SHA-256 as far as it is known. `wrong` where other content was found."""

    name: str
    bytes: int | None
    sha256: str = ""
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """All about one model, as sentences and files. `revision` names the weights, `place` is where they lie, or will."""

    quality: str
    source: str
    revision: str
    contacted: str
    place: str
    files: tuple[File, ...]
    files_note: str = ""


def told(row: Row) -> Told:
    """What disk, catalogue and the list of contacts have to say; nobody is asked for it."""
    model, precision = row.key
    known = catalogue().get(model)
    folder = folder_of(model, precision) if known else imported_dir() / model
    files, note = _files(row, known)
    return Told(_quality(row, known), *_source(row, known), _contacted(row, known), str(folder), files, note)


def _quality(row: Row, known: Entry | None) -> str:
    if known is None:
        stored = row.condition.manifest.precision if row.condition.manifest else ""
        return tr("Stored as {precision}.", precision=stored) if stored else ""
    precision = row.condition.precision
    return variant_of(known, precision).note or QUALITY.get(precision, "")


def _source(row: Row, known: Entry | None) -> tuple[str, str]:
    """Where it comes from, and the revision of its weights."""
    model, precision = row.key
    if known is None:
        source = origin(imported_dir() / model)
        path = source.imported if source else ""
        brought = tr("Imported from {path}", path=path) if path else tr("Being imported")
        return brought, row.condition.manifest.revision if row.condition.manifest else ""
    if known.repo:
        source, begun = origin(folder_of(model, precision)), plan_in(part_of(folder_of(model, precision)))
        return known.repo, source.revision if source else begun.revision if begun else known.revision
    built = tr("Built from {distribution} {version}", distribution=known.distribution, version=known.version)
    return built, known.sha256[:12]


def _contacted(row: Row, known: Entry | None) -> str:
    """Whom a click on Get will speak to, and who was spoken to before."""
    if known is None:
        return tr("Nobody was contacted for it.")
    if not known.repo:
        try:
            known.source()
        except Trouble as trouble:
            return f"{trouble.cause} {trouble.remedy}"
        return tr("Building contacts nobody: the weights are installed.")
    said = [_contact(row)]
    before = [contact.host for contact in contacts() if contact.why == f"fetching {known.name}"]
    if before:
        said.append(tr("So far: {hosts}.", hosts=", ".join(before)))
    return " ".join(said)


def _contact(row: Row) -> str:
    """Whom getting a model of the hub speaks to, or would."""
    if row.condition.state == "downloading":
        return tr("It comes from {host}, and the host that it names for large files.", host=hub_host())
    fetching = next((deed for deed in row.deeds if deed in ("get", "resume", "get again")), None)
    if fetching is None:
        return tr("Using and verifying it contacts nobody.")
    if offline():
        return tr("HF_HUB_OFFLINE is set: {get} is refused, and nobody is contacted.", get=WORDS[fetching])
    return tr(
        "{get} contacts {host}, and the host that it names for large files; until then nobody is contacted.",
        get=WORDS[fetching],
        host=hub_host(),
    )


def _files(row: Row, known: Entry | None) -> tuple[tuple[File, ...], str]:
    """The files of what is here, else of what was begun, else what the catalogue knows of them."""
    model, precision = row.key
    folder = folder_of(model, precision) if known else imported_dir() / model
    part = part_of(folder)
    wrong = mismatch(folder) or mismatch(part)
    bad = wrong.file if wrong else ""
    if found := stamps(folder):
        files = tuple(File(name, stamp.bytes, stamp.sha256, name == bad) for name, stamp in found.items())
        return files, ""
    if plan := plan_in(part):
        files = tuple(File(each.place, each.bytes, each.sha256, each.place == bad) for each in plan.files)
        return files, tr("As the hub has them at this revision.")
    if known is None:
        return (), tr("Its files are looked at before anything is copied.")
    if not known.repo:
        return (File(known.file.rpartition("/")[2], known.bytes, known.sha256),), tr("The weights it is built from.")
    variant = variant_of(known, precision)
    files = (File(variant.path, variant.bytes, variant.sha256.get(variant.path, "")),)
    return files, tr("The hub names the other files and all hashes when it is fetched; each is checked.")


def fit_words(row: Row, tier: Tier | None) -> tuple[str, str]:
    """Whether a lane of the tier fits, as sentences, and what happens to whoever does not mind; the latter may be
    empty.
    """
    fit, context = row.condition.fit, row.context
    words = fit.words() if fit is not None else _no_fit(row)
    if tier is not None and context is not None and tier.context > context:
        words += " " + tr(
            "It was made for at most {most:,} tokens, so {tier} gets that in place of {wanted:,}.",
            most=context,
            tier=tier.name,
            wanted=tier.context,
        )
    return words, _consequence(row, fit)


def _no_fit(row: Row) -> str:
    match row.condition.state:
        case "available":
            return tr("The catalogue does not know enough of it to say how it fits.")
        case "unsupported":
            return tr("Nothing is planned for what cannot run here.")
        case _:
            return tr("How it fits is worked out when it is here and whole.")


def _consequence(row: Row, fit: Fit | None) -> str:
    """The engine plans again with what is free when the lane loads, and starts none for which that is too little,
    unless it is told to."""
    if fit is None or not fit.override():
        return ""
    high = fit.high / 2**30
    if row.here:
        first = tr(
            "You can give it to a tier all the same: "
            "a lane of it is started only if {size:.2f} GiB are free at that moment.",
            size=high,
        )
    else:
        first = tr(
            "You can get it all the same: a lane of it is started only if {size:.2f} GiB are free at that moment.",
            size=high,
        )
    if fit.hopeless:
        then = tr("If not, its tier says what is missing and stands still, while the others go on.")
    else:
        then = tr("If not, its tier says what is missing and waits until you have it loaded anyway.")
    return f"{first} {then} {fit.override()}"
