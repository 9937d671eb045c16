"""The contract of services as types: what is told of a setting, and what a plug-in is given."""

import msgspec

from inferd.schema.endpoint import TaskType
from inferd.services import InferenceService, SettingInfo, Tools


def test_a_setting_without_default_says_nothing_of_one() -> None:
    info = SettingInfo(
        description="d",
        label="l",
        required=True,
        sensitive=False,
        updatable=False,
        type="str",
        supported_task_types=[TaskType.COMPLETION],
    )
    assert msgspec.json.encode(info) == (
        b'{"description":"d","label":"l","required":true,"sensitive":false,"updatable":false,"type":"str",'
        b'"supported_task_types":["completion"]}'
    )
    assert msgspec.json.encode(msgspec.structs.replace(info, default_value=3)).startswith(b'{"default_value":3,')


def test_a_plug_in_is_given_six_things() -> None:
    assert Tools.__struct_fields__ == ("sender", "limits", "policy", "config", "aside", "cutter")


def test_every_member_of_the_contract_says_what_it_promises() -> None:
    members = [name for name in vars(InferenceService) if not name.startswith("_")]
    assert members == [
        "parse_endpoint",
        "update_endpoint",
        "restore_endpoint",
        "with_embedding_size",
        "infer",
        "stream_completion",
        "chat_completion",
        "settings_info",
    ]
    assert all(getattr(InferenceService, name).__doc__ for name in members)
