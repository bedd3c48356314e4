"""The shapes of merging customers in the API."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from contracts.operations import Merge


class MergeIn(serializers.Serializer[Any]):
    into = serializers.CharField(help_text="The key of the customer that is kept.")
    because = serializers.CharField()


class MovesOut(serializers.Serializer[Any]):
    what = serializers.CharField()
    count = serializers.IntegerField()


class MergeOut(serializers.Serializer[Any]):
    """What a merge would do."""

    kept = serializers.CharField(source="kept.key")
    duplicate = serializers.CharField(source="duplicate.key")
    moves = serializers.SerializerMethodField()
    usage = serializers.CharField(help_text="What becomes of usage under the duplicate's key.")

    @extend_schema_field(MovesOut(many=True))
    def get_moves(self, merge: Merge) -> list[dict[str, Any]]:
        return [{"what": what, "count": count} for what, count in merge.moves]
