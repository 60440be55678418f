"""The environment of a user, in which no library is hushed by what developers' machines set."""

from __future__ import annotations

import os

from phi3studio.app.telemetry import NO_TELEMETRY

# Where one of these is set, onnxruntime and onnxruntime-genai report nothing by themselves.
_HUSHING = {
    "APPVEYOR", "BUILDKITE", "CI", "CIRCLECI", "CODEBUILD_BUILD_ID", "GITHUB_ACTIONS", "GITLAB_CI",
    "JENKINS_URL", "ORT_RUNNING_UNIT_TESTS", "TEAMCITY_VERSION", "TF_BUILD", "TRAVIS",
}  # fmt: skip


def users_environment(**more: str) -> dict[str, str]:
    """This process's environment without what keeps libraries from reporting, and *more*."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_OFFLINE")}
    hushed = _HUSHING | NO_TELEMETRY.keys()
    return {name: value for name, value in kept.items() if name not in hushed} | more
