"""Croissant 1.1 metadata of a benchmark folder, with the RAI fields and PROV, from its manifest alone.

One file object for each shard with its SHA-256, one file set and one record set for each task, fields from the Arrow
schema. Lists inside a struct (the truth's intervals, boxes and events) have no counterpart that mlcroissant reads: they
stand in the description of their column, and `answer` says the same as text. Nothing in it tells the time, so equal
benchmarks have equal metadata; a date of publication is for the publisher to add.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from medvidbench.benchmark import CROISSANT
from medvidbench.curation.facts import TASK_TITLES, captions_note, licence_of, tasks_of, title_of, total_of
from medvidbench.records import GRANULARITY, Sample, TaskName

__all__ = ["CROISSANT", "croissant", "croissant_text"]

Json: TypeAlias = dict[str, Any]
_PARQUET = "application/x-parquet"
_CITATION = (
    "@inproceedings{medgrpo, title={MedGRPO: Multi-Task Reinforcement Learning for Heterogeneous Medical Video "
    "Understanding}, booktitle={CVPR}, year={2026}, eprint={2512.06581}, archivePrefix={arXiv}}"
)
_TERMS = """arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject fileSet
format includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace
samplingRate separator source subField transform"""
_CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}


def croissant_text(manifest: Mapping[str, Any]) -> str:
    """croissant.json of a benchmark folder as text."""
    return json.dumps(croissant(manifest), indent=1, ensure_ascii=False) + "\n"


def croissant(manifest: Mapping[str, Any]) -> Json:
    """croissant.json of a benchmark folder, from its manifest (in which it is not yet listed)."""
    tasks = tasks_of(manifest)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": title_of(manifest),
        "description": _description(manifest),
        "version": f"{manifest['format_version']}.0.0",
        "license": sorted({_licence_url(source) for source in manifest["sources"]}),
        "citeAs": _CITATION,
        "inLanguage": "en",
        "keywords": ["medical video", "surgery", *(["synthetic"] if manifest.get("synthetic") else [])],
        **_responsible(manifest),
        **_provenance(manifest),
        "distribution": [*_files(manifest), *(_file_set(task) for task in tasks)],
        "recordSet": [_record_set(task) for task in tasks],
    }


def _description(manifest: Mapping[str, Any]) -> str:
    kind = "questions without their answers" if manifest.get("question_only") else "questions with reference answers"
    return (
        f"{total_of(manifest)} {kind} on medical video, after arXiv 2512.06581, split by patient, trainee or "
        "physical video. For research; not for clinical decisions."
    )


def _licence_url(source: Mapping[str, Any]) -> str:
    own = licence_of(source)
    return str(source.get("licence_url") or own) if own == source.get("licence") else f"https://spdx.org/licenses/{own}"


def _responsible(manifest: Mapping[str, Any]) -> Json:
    """The Responsible AI fields (RAI 1.0)."""
    synthetic = [source["name"] for source in manifest["sources"] if source.get("synthetic")]
    drawn = f" The recordings of {', '.join(synthetic)} were drawn by a program." if synthetic else ""
    personal = (
        "The named source datasets show the inside of patients, surgeons' hands, or staff at work, published without "
        "names by their makers. This folder adds no personal data; recording and group names are those of the sources."
    )
    return {
        "rai:dataCollection": "No recording was made for this dataset: videos and annotations are those of the sources "
        f"named under prov:wasDerivedFrom, which describe how they were collected.{drawn}",
        "rai:dataCollectionType": ["Secondary Data analysis"],
        "rai:dataPreprocessingProtocol": [
            "Annotations were put on one time axis in seconds; clips and questions were drawn by a seeded plan; the "
            "split was made by patient, trainee or physical video across all sources."
        ],
        "rai:dataAnnotationProtocol": [
            "Answers on time, place, next step, skill and critical view are the sources' own annotations. "
            + captions_note(manifest)
        ],
        "rai:machineAnnotationTools": sorted({"medvidbench", *manifest.get("captions", {}).get("models", [])}),
        "rai:annotationsPerItem": "One reference answer a row; a caption question asked of two writers is two rows.",
        "rai:dataUseCases": ["Evaluation and training of video-language models in research."],
        "rai:dataLimitations": [
            "The annotations' errors are kept. Few sites, devices and procedures; a few groups hold many rows.",
            "Results say nothing about fitness for clinical use.",
        ],
        "rai:dataBiases": ["Sources differ much in size, and each task is fed by some of them only."],
        "rai:personalSensitiveInformation": ["None: all recordings were drawn." if _all_drawn(manifest) else personal],
    }


def _all_drawn(manifest: Mapping[str, Any]) -> bool:
    return bool(manifest["sources"]) and all(source.get("synthetic") for source in manifest["sources"])


def _provenance(manifest: Mapping[str, Any]) -> Json:
    """PROV-O: what the dataset was derived from, and by which program."""
    agent = {"@type": "prov:SoftwareAgent", "prov:label": f"medvidbench {manifest.get('medvidbench', '')}".strip()}
    return {
        "prov:wasDerivedFrom": [_entity(source) for source in manifest["sources"]],
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": "medvidbench export" if manifest.get("question_only") else "medvidbench build",
            "prov:wasAssociatedWith": agent,
        },
    }


def _entity(source: Mapping[str, Any]) -> Json:
    drawn = " (simulated in this dataset's layout)" if source.get("synthetic") else ""
    entity: Json = {"@type": "prov:Entity", "prov:label": f"{source['name']}{drawn}"}
    if source.get("homepage"):
        entity["@id"] = source["homepage"]
    if source.get("licence") and not source.get("synthetic"):
        entity["dct:license"] = source["licence"]
    if source.get("digest"):
        entity["dct:identifier"] = f"sha256:{source['digest']}"
    return entity


def _files(manifest: Mapping[str, Any]) -> Iterator[Json]:
    for entry in manifest["files"]:
        yield {
            "@type": "cr:FileObject",
            "@id": entry["path"],
            "name": entry["path"],
            "contentUrl": entry["path"],
            "contentSize": f"{entry['bytes']} B",
            "encodingFormat": _PARQUET if entry["path"].endswith(".parquet") else "application/jsonlines",
            "sha256": entry["sha256"],
        }


def _file_set(task: TaskName) -> Json:
    return {
        "@type": "cr:FileSet",
        "@id": f"{task}-shards",
        "name": f"{task}-shards",
        "description": f"All shards of {TASK_TITLES[task]}.",
        "encodingFormat": _PARQUET,
        "includes": f"*/{GRANULARITY[task]}/{task}/*.parquet",
    }


def _record_set(task: TaskName) -> Json:
    from medvidbench.arrow import schema_of

    return {
        "@type": "cr:RecordSet",
        "@id": task,
        "name": task,
        "description": f"{TASK_TITLES[task]}: one question a record.",
        "key": {"@id": f"{task}/sample_id"},
        "field": [_field(task, column.name, column.type) for column in schema_of(Sample)],
    }


def _field(task: str, column: str, kind: Any) -> Json:
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        return _leaf(task, column, "", kind)
    leaves = [leaf for child in kind for leaf in _leaves(child.name, child.type)]
    return {
        "@type": "cr:Field",
        "@id": f"{task}/{column}",
        "name": column,
        "description": f"In the Parquet files: {kind}.",
        "subField": [_leaf(task, column, path, leaf) for path, leaf in leaves],
    }


def _leaves(path: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """The values inside a struct that a Croissant field can hold: none of its lists."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        for child in kind:
            yield from _leaves(f"{path}.{child.name}", child.type)
    elif not pa.types.is_list(kind):
        yield path, kind


def _leaf(task: str, column: str, path: str, kind: Any) -> Json:
    import pyarrow as pa

    name = f"{column}.{path}" if path else column
    types = {pa.string(): "sc:Text", pa.int64(): "sc:Integer", pa.float64(): "sc:Float", pa.bool_(): "sc:Boolean"}
    source: Json = {"fileSet": {"@id": f"{task}-shards"}, "extract": {"column": column}}
    if path:
        source["transform"] = {"jsonPath": path}
    field: Json = {"@type": "cr:Field", "@id": f"{task}/{name}", "name": name, "source": source}
    if pa.types.is_list(kind):
        return field | {"dataType": types[kind.value_type], "isArray": True, "arrayShape": "-1"}
    return field | {"dataType": types[kind]}
