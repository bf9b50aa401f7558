"""The configuration: the models of the roles, the sources of prompts, the folders of files.

It is read from ``factory.yaml`` of the project folder, or from the file that ``FACTORY_CONFIG``
names. An environment variable can override every value: ``FACTORY_ROOT=/big/disk``,
``FACTORY_ROLES__POLICY__MODEL=/models/qwen``. Mappings are merged, so
``FACTORY_SOURCES__POCKET=0`` switches off a source that the file sets. Relative paths start at the
folder of the file. A model or a folder of templates that is missing there is then looked up in the
folder of the installed packages, which holds ``pocket/checkpoints/base``.
"""

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from os.path import expanduser
from pathlib import Path
from typing import Any

from pydantic import (
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariableError
from upath import UPath

from assets.config.bundled import PACKAGES, bundled
from assets.config.config_file import FILE, config_file, settings_in
from assets.config.errors import SettingsError
from assets.config.explained import explained
from assets.config.fields import Name, Owners, PathText, Weights, WeightsOfRecipes
from assets.config.locations import check_root, is_local, located
from assets.config.modules import make_importable
from assets.config.operation import Alerts, Freshness, RecipeSchedule, Retries, Schedule
from assets.config.profiles import Own, OwnProfile, check_profiles, profile_named
from assets.config.promoted import downstream_model, read_promoted
from assets.config.variables import PREFIX, check_variables, from_variable
from assets.config.yaml_file import unsound
from engines.bindings import Binding
from engines.cluster.settings import Cluster
from engines.operators.model_defaults import RoleDefaults
from engines.profiles import merged
from schemas.parameters import refuse_truth


class Settings(BaseSettings):
    """The content of ``factory.yaml``.

    Attributes:
        root: The folder of tables and exports: a local path, or any UPath such as ``s3://…``.
        journal: The local file of the journal; by default inside ``root``. An object store as
            root needs it.
        models: The local folder of trained models; by default inside ``root``. An object store as
            root needs it.
        imports: The folder of imported datasets; by default inside ``root``.
        profiles: Profiles of models of your own, by name: the defaults of operators' parameters
            (`engines.profiles.Profile`). Each may name a profile that it changes as its ``base``.
        roles: The binding of each model role.
        cluster: The Ray cluster on which replicas of models run; by default this machine alone.
        sources: The weight of each source that recipes draw prompts from.
        recipe_sources: The weights of single recipes, by their name, in place of ``sources`` and of
            those in the recipe's file.
        held_out: The fixed source that policies are validated on.
        recipes: Folders of recipes, in addition to the shipped ones.
        owners: The owners of all assets: e-mail addresses, or teams as ``team:alignment``.
        schedule: When recipes run unattended, and from which day on (`assets.config.operation`).
        recipe_schedules: What is different for single recipes, by their name. It goes before the
            ``schedule`` in the recipe's file.
        window: The number of rows in flight at once.
        failure_limit: A share in [0, 1]. A stage stops when more of its rows fail.
        retries: How a stage is retried (`assets.config.operation`).
        alerts: Who is alerted when a run fails.
        freshness: How old a curated dataset may be.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    root: PathText = "data"
    journal: PathText | None = None
    models: PathText | None = None
    imports: PathText | None = None
    profiles: Mapping[Name, OwnProfile] = Field(default_factory=dict)
    roles: Mapping[Name, Binding]
    cluster: Cluster = Cluster()
    sources: Weights
    recipe_sources: WeightsOfRecipes = Field(default_factory=dict)
    held_out: str = "held_out"
    recipes: tuple[str, ...] = ()
    owners: Owners = ()
    schedule: Schedule = Schedule()
    recipe_schedules: Mapping[Name, RecipeSchedule] = Field(default_factory=dict)
    window: int = Field(default=2048, ge=1, le=10_000_000)
    failure_limit: float = Field(default=0.5, ge=0, le=1)
    retries: Retries = Retries()
    alerts: Alerts | None = None
    freshness: Freshness = Freshness()

    _file: Path = PrivateAttr(default=PACKAGES / FILE)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_boolean_as_number(cls, given: Any, info: ValidationInfo) -> Any:
        return refuse_truth(given, cls.model_fields[str(info.field_name)].annotation)

    @field_validator("profiles")
    @classmethod
    def _valid_profiles(cls, own: Own) -> Own:
        check_profiles(own)
        return own

    @field_validator("roles")
    @classmethod
    def _known_profiles(
        cls, roles: Mapping[str, Binding], info: ValidationInfo
    ) -> Mapping[str, Binding]:
        for role, binding in roles.items():
            try:
                profile_named(binding.profile, info.data.get("profiles", {}))
            except ValueError as error:
                raise ValueError(f"'{role}.profile': {error}") from error
        return roles

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, InitSettingsSource(settings_cls, settings_in(config_file()))

    @property
    def file(self) -> Path:
        """The configuration file."""
        return self._file

    @property
    def folder(self) -> Path:
        """The folder of the configuration file, where relative paths start."""
        return self._file.parent

    @property
    def root_path(self) -> UPath:
        """The root of tables and exports: local or on an object store."""
        return self.resolved(self.root)

    @property
    def imports_path(self) -> UPath:
        """The folder of imported datasets, one sub-folder each."""
        return self.root_path / "imported" if self.imports is None else self.resolved(self.imports)

    @property
    def reviews_path(self) -> UPath:
        """The folder of decisions from human reviews, one sub-folder for each recipe."""
        return self.root_path / "reviews"

    @property
    def journal_path(self) -> Path:
        """The journal's SQLite file.

        Raises:
            SettingsError: The path is not local.
        """
        return self._local("journal", "journal.sqlite")

    @property
    def models_path(self) -> Path:
        """The folder of trained checkpoints.

        Raises:
            SettingsError: The path is not local.
        """
        return self._local("models", "models")

    @property
    def recipe_folders(self) -> list[Path]:
        """The folder of the shipped recipes, then the user's folders.

        Raises:
            SettingsError: A folder does not exist.
        """
        added = [self.folder / Path(expanduser(folder)) for folder in self.recipes]
        for folder in added:
            if not folder.is_dir():
                raise SettingsError(
                    f"{self._file}: field 'recipes': there is no folder {folder}"
                    + from_variable("recipes")
                )
        return [bundled("recipes"), *added]

    def bindings(self, before: str | None = None) -> dict[str, Binding]:
        """Every role's binding, with the paths of local models and templates made absolute, and
        with what its profile says of the model itself: number type, spellings of options. A role
        that is bound to a downstream model has the weights of its newest promoted version.

        Args:
            before: A refresh. Versions that learned rows of this refresh or later do not count.

        Raises:
            SettingsError: A role is bound to a downstream model, and ``initial`` is not set.
        """
        return {role: self._completed(self._newest(role, before)[0]) for role in self.roles}

    def policies(self, before: str) -> dict[str, Binding] | None:
        """The bindings of ``policy``, ``policy@previous`` and ``policy@initial`` if the role policy
        is bound to a downstream model: its last two promoted versions, and ``initial``. None if it
        is not bound to one.

        Args:
            before: A refresh. Versions that learned rows of this refresh or later do not count.
        """
        binding = self.roles.get("policy")
        if binding is None or self.downstream(binding) is None:
            return None
        promoted = self._newest("policy", before)
        initial = self.initial("policy")
        newest, previous, *_ = [*map(self._completed, promoted), initial, initial]
        return {"policy": newest, "policy@previous": previous, "policy@initial": initial}

    def initial(self, role: str) -> Binding:
        """The binding of a role; with its ``initial`` weights if a downstream model is bound."""
        binding = self.roles[role]
        if self.downstream(binding) is not None:
            binding = binding.model_copy(update={"model": binding.initial, "initial": None})
        return self._completed(binding)

    def downstream(self, binding: Binding) -> str | None:
        """The name of the downstream model that a role is bound to; None if it is bound to
        another model."""
        name = downstream_model(binding.model)
        return None if name is None or self._path(str(binding.model)).exists() else name

    def _newest(self, role: str, before: str | None) -> list[Binding]:
        """The bindings of the promoted versions of the downstream model of ``role``, newest first,
        or of ``initial`` if there are none; the binding of ``role`` if it is another model."""
        binding = self.roles[role]
        name = self.downstream(binding)
        if name is None:
            return [binding]
        if binding.initial is None:
            raise SettingsError(
                f"{self._file}: field 'roles.{role}': set initial, the weights of {role!r} until a "
                f"version of models/{name} is promoted"
            )
        promoted = [
            each.path
            for each in reversed(read_promoted(self.models_path, name))
            if before is None or each.refresh < before
        ]
        return [
            binding.model_copy(update={"model": path, "initial": None})
            for path in promoted or [binding.initial]
        ]

    def defaults(self) -> dict[str, RoleDefaults]:
        """What each role's model needs."""
        return {
            role: RoleDefaults(role, binding, profile_named(binding.profile, self.profiles))
            for role, binding in self.bindings().items()
        }

    def _completed(self, binding: Binding) -> Binding:
        update: dict[str, Any] = {
            "model": self._model(binding.model),
            "templates": binding.templates and str(self._path(binding.templates)),
        }
        defaults = merged(profile_named(binding.profile, self.profiles), binding.defaults)
        for name in ("dtype", "sums_spellings"):
            value = getattr(defaults, name)
            if value is not None and name not in binding.model_fields_set:
                update[name] = value
        return binding.model_copy(update=update)

    def _model(self, model: str | None) -> str | None:
        if model is None:
            return None
        path = self._path(model)
        # A Hub id is "name" or "owner/name". Everything else can only be a path.
        is_path = model.startswith((".", "~", "/")) or model.count("/") > 1
        return str(path.resolve()) if is_path or path.exists() else model

    def _path(self, given: str) -> Path:
        """A path in the project folder or, if it does not exist, in the packages' folder."""
        path = self.folder / Path(expanduser(given))
        shipped = PACKAGES / given
        return shipped if not path.exists() and shipped.exists() else path

    def resolved(self, given: str) -> UPath:
        """A path of the configuration: a relative one starts at the folder of the file.

        Raises:
            SettingsError: The kind of store is unknown.
        """
        path = located(given)
        return UPath(self.folder / Path(expanduser(path.path))) if is_local(path) else path

    def _local(self, field: str, name: str) -> Path:
        given = getattr(self, field)
        if given is not None:
            if not is_local(UPath(given)):
                raise SettingsError(
                    f"{self._file}: field {field!r}: {given} is not a local path"
                    + from_variable(field)
                )
            return self.folder / Path(expanduser(UPath(given).path))
        if not is_local(self.root_path):
            raise SettingsError(
                f"{self._file}: field {field!r}: the root {self.root} is not on this machine, but "
                f"{field} must be: set {field} to a local path"
            )
        return Path(self.root_path.path) / name


def load_settings() -> Settings:
    """Read the configuration.

    Its folder becomes importable, so bindings, recipes and commands can name the user's modules.

    Raises:
        SettingsError: The configuration is missing or wrong. The message says what to change.
        FactoryError: A module in its folder has the name of a package of the factory.
    """
    file = config_file()
    if not file.is_file():
        raise SettingsError(
            f"there is no configuration file {file}: 'factory init FOLDER' writes one; run the "
            "command in that folder, or set FACTORY_CONFIG to the path of the file"
        )
    make_importable(file.parent)
    try:
        content = file.read_bytes()
    except OSError:
        content = b""  # The YAML reader below raises the error.
    settings = _validated(file, content, frozenset(os.environ.items()))
    check_root(settings.root_path, settings.file)
    return settings


@lru_cache(maxsize=1)
def _validated(file: Path, content: bytes, environment: frozenset[tuple[str, str]]) -> Settings:
    """The settings of this content and environment. Cached, because every recipe loads them."""
    check_variables(Settings.model_fields)
    # A value may be a key, so errors that show values are not chained.
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError(f"{file}: {explained(error, Settings)}") from None
    except UnreadableVariableError as error:
        field = re.search(r'field "(\w+)"', str(error))
        raise SettingsError(
            f"{file}: field {field and field[1]!r}: is not valid JSON"
            f"{from_variable(field and field[1])}"
        ) from None
    except RecursionError:
        deepest = max(os.environ, key=lambda name: len(re.findall(r"[\[{]", os.environ[name])))
        raise SettingsError(f"the environment variable {deepest} is nested too deeply") from None
    wrong = unsound(settings.model_dump(exclude={"schedule": {"start"}}))
    if wrong is not None:
        where = from_variable(*wrong[0].split("."))
        raise SettingsError(f"{file}: field {wrong[0]!r}: {wrong[1]}{where}")
    settings._file = file
    return settings
