"""Everything a fresh database needs before the first person signs in. Safe to run at every start."""

from typing import Any

from django.core.management.base import BaseCommand

from governance.acts import Act
from governance.policies import install_policies
from governance.roles import install_roles
from ledger.operations import install_accounts


class Command(BaseCommand):
    help = "Install roles with their permissions, default approval policies and the chart of accounts (idempotent)."

    def handle(self, *args: Any, **options: Any) -> None:
        install_roles()
        install_policies(act=Act.of_system("installation", "Default approval policies"))
        install_accounts()
        self.stdout.write("Roles, approval policies and accounts are in place.")
