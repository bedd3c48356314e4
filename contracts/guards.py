"""What PostgreSQL itself refuses about contracts: what was signed changes only by an amendment; parents form trees."""

import pgtrigger

# A row that we can see and whose writer is still in progress was written by ourselves (see the catalog's guard of rates
# for why its xmin is not simply compared with our transaction's number).
_OURS = """pg_xact_status((pg_current_xact_id()::text::bigint
    + age(pg_current_xact_id()::xid) - age({row}.xmin))::text::xid8) = 'in progress'"""
_AMENDED = f"""EXISTS (SELECT FROM contracts_amendment a
    WHERE a.contract_id = {{contract}} AND a.status = 'applied' AND {_OURS.format(row="a")})"""
_SIGNED = f"EXISTS (SELECT FROM contracts_contract c WHERE c.id = {{contract}} AND {_OURS.format(row='c')})"

# What an amendment may change of a contract itself; of its parts it moves the end alone.
AMENDABLE = (
    "status", "end_at", "purchase_order", "payment_terms_days", "renewal", "renewal_months", "notice_days",
    "uplift_percent", "renewal_prices", "package_version_id",
)  # fmt: skip


def _moves_only(reason: str, *free: str, amended: tuple[str, ...] = (), contract: str) -> pgtrigger.Trigger:
    """Refuses to delete a row, or to change another column than `free`; those `amended` move with an amendment."""
    return pgtrigger.Trigger(
        name="signed_is_signed",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func=f"""
            IF TG_OP = 'UPDATE' AND {_same_but(free)} THEN RETURN NEW; END IF;
            IF TG_OP = 'UPDATE' AND {_same_but((*free, *amended))} AND {_AMENDED.format(contract=contract)} THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '{reason}' USING ERRCODE = 'restrict_violation';
        """,
    )


def _same_but(columns: tuple[str, ...]) -> str:
    names = "ARRAY[" + ", ".join(f"'{column}'" for column in columns) + "]::text[]"
    return f"(to_jsonb(NEW) - {names}) = (to_jsonb(OLD) - {names})"


DECIDED_LATER = ("declined_at", "declined_by", "declined_because", "renewal_problem")
FREE = (*DECIDED_LATER, "custom", "customer_id", "payer_id")  # of the last two see changes_hands_by_a_merge


def signed_is_signed() -> list[pgtrigger.Trigger]:
    """Of a contract its renewal may be decided on, something noted, and a few columns change by an amendment applied.

    One that renews another begins when that is over, or later.
    """
    return [
        _moves_only("a signed contract changes by an amendment alone", *FREE, amended=AMENDABLE, contract="OLD.id"),
        pgtrigger.Trigger(
            name="renewals_follow",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert | pgtrigger.Update,
            declare=[("ends_at", "timestamptz")],
            func="""
                SELECT end_at INTO ends_at FROM contracts_contract WHERE id = NEW.renews_id FOR SHARE;
                IF NEW.start_at < ends_at OR EXISTS (
                    SELECT FROM contracts_contract WHERE renews_id = NEW.id AND start_at < NEW.end_at) THEN
                    RAISE EXCEPTION 'a renewal begins when what it renews is over'
                        USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            """,
        ),
    ]


MADE_BY_AGREEMENT = "NEW.rule_id IS NOT NULL OR NEW.rolled_from_id IS NOT NULL"


def agreed_with_the_contract(
    reason: str, *free: str, amended: tuple[str, ...] = (), later: str = ""
) -> list[pgtrigger.Trigger]:
    """A part of a contract is added in the transaction that signs or amends it, which also moves its columns `amended`.

    Columns `free` move at any time. `later` names a condition under which a row may be added at any time, because
    something agreed foresaw it.
    """
    added = [_SIGNED.format(contract="NEW.contract_id"), _AMENDED.format(contract="NEW.contract_id")]
    return [
        _moves_only(reason, *free, amended=amended, contract="OLD.contract_id"),
        pgtrigger.Trigger(
            name="agreed_at_signature",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            func=f"""
                IF {" OR ".join([*added, later] if later else added)} THEN RETURN NEW; END IF;
                RAISE EXCEPTION 'nothing is added to a signed contract but by an amendment'
                    USING ERRCODE = 'restrict_violation';
            """,
        ),
    ]


def applied_is_applied() -> pgtrigger.Trigger:
    """An amendment that was applied or withdrawn stays as it is, and none is ever deleted."""
    return pgtrigger.Trigger(
        name="applied_is_applied",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func="""
            IF TG_OP = 'DELETE' OR OLD.status IN ('applied', 'withdrawn') OR NEW.contract_id <> OLD.contract_id
                OR NEW.number <> OLD.number THEN
                RAISE EXCEPTION 'an amendment that was decided never changes' USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def nobody_is_their_own_ancestor() -> pgtrigger.Trigger:
    """Parents form trees. The lock lets one move at a time in, or two that are right alone could close a circle."""
    return pgtrigger.Trigger(
        name="nobody_is_their_own_ancestor",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("parent_id"),
        condition=pgtrigger.Q(new__parent__isnull=False),
        declare=[("ancestor", "uuid")],
        func="""
            PERFORM pg_advisory_xact_lock(hashtext('contracts_customer.parent'));
            ancestor := NEW.parent_id;
            WHILE ancestor IS NOT NULL LOOP
                IF ancestor = NEW.id THEN
                    RAISE EXCEPTION 'nobody is their own ancestor' USING ERRCODE = 'restrict_violation';
                END IF;
                SELECT parent_id INTO ancestor FROM contracts_customer WHERE id = ancestor;
            END LOOP;
            RETURN NEW;
        """,
    )


def paid_within_the_family() -> pgtrigger.Trigger:
    """Whoever pays a contract is its customer or above them when it is signed. Who moves later pays on."""
    return pgtrigger.Trigger(
        name="paid_within_the_family",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("ancestor", "uuid")],
        func="""
            PERFORM 1 FROM contracts_customer WHERE id = NEW.customer_id AND merged_into_id IS NULL FOR KEY SHARE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'who was merged into another signs nothing' USING ERRCODE = 'restrict_violation';
            END IF;
            ancestor := NEW.customer_id;
            WHILE ancestor IS DISTINCT FROM NEW.payer_id LOOP
                IF ancestor IS NULL THEN
                    RAISE EXCEPTION 'who pays a contract is its customer or above them'
                        USING ERRCODE = 'restrict_violation';
                END IF;
                SELECT parent_id INTO ancestor FROM contracts_customer WHERE id = ancestor;
            END LOOP;
            RETURN NEW;
        """,
    )


def changes_hands_by_a_merge(*columns: str) -> pgtrigger.Trigger:
    """These columns name a customer, and change only from one that was merged to the one it was merged into."""
    moved = """NEW.COLUMN IS DISTINCT FROM OLD.COLUMN AND NOT EXISTS (
                SELECT FROM contracts_customer WHERE id = OLD.COLUMN AND merged_into_id = NEW.COLUMN)"""
    wrongly = " OR ".join(moved.replace("COLUMN", column) for column in columns)
    return pgtrigger.Trigger(
        name="changes_hands_by_a_merge",
        when=pgtrigger.Before,
        operation=pgtrigger.UpdateOf(*columns),
        func=f"""
            IF {wrongly} THEN
                RAISE EXCEPTION 'a signed document never changes hands but by a merge'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def ends_only(reason: str) -> list[pgtrigger.Trigger]:
    """A row that is never deleted, and of which only the end may come nearer, from never too; a merge may move it."""
    return [
        changes_hands_by_a_merge("customer_id"),
        pgtrigger.Trigger(
            name="ends_only",
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=f"""
                IF TG_OP = 'UPDATE' AND coalesce(NEW.end_at <= OLD.end_at, OLD.end_at IS NULL)
                        AND (to_jsonb(NEW) - 'end_at' - 'customer_id') = (to_jsonb(OLD) - 'end_at' - 'customer_id') THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION '{reason}' USING ERRCODE = 'restrict_violation';
            """,
        ),
    ]


def published_package_stays() -> list[pgtrigger.Trigger]:
    """A version of a package is published with every approval; from then on it never changes, and neither is deleted.

    One that was withdrawn stays so.
    """
    return [
        pgtrigger.Trigger(
            name="published_after_approval",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert | pgtrigger.Update,
            func="""
                IF NEW.status <> 'published' OR (TG_OP = 'UPDATE' AND OLD.status = 'published') THEN
                    RETURN NEW;
                END IF;
                IF TG_OP = 'UPDATE' AND NOT EXISTS (
                    SELECT FROM governance_approvalpolicy policy
                    WHERE policy.subject_type = 'contracts.packageversion' AND policy.watched = 'publication'
                        AND policy.is_active AND policy.above < 1 AND NOT EXISTS (
                            SELECT FROM governance_approvalrequest request
                            WHERE request.policy_id = policy.id AND request.subject_type = policy.subject_type
                                AND request.subject_id = NEW.id::text AND request.status = 'approved')
                ) THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION 'a package is published with approval' USING ERRCODE = 'restrict_violation';
            """,
        ),
        pgtrigger.Trigger(
            name="published_stays",
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func="""
                IF TG_OP = 'UPDATE' AND OLD.status = 'draft' AND NEW.package_id = OLD.package_id THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION 'a version of a package never changes' USING ERRCODE = 'restrict_violation';
            """,
        ),
    ]


def part_of_a_draft() -> pgtrigger.Trigger:
    """What a version of a package holds is written while it is a draft."""
    return pgtrigger.Trigger(
        name="part_of_a_draft",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        declare=[("state", "text")],
        func="""
            SELECT status INTO state FROM contracts_packageversion
                WHERE id = CASE WHEN TG_OP = 'INSERT' THEN NEW.version_id ELSE OLD.version_id END FOR SHARE;
            IF state = 'draft' AND NOT (TG_OP = 'UPDATE' AND NEW.version_id <> OLD.version_id) THEN
                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'a package changes only while its version is a draft'
                USING ERRCODE = 'restrict_violation';
        """,
    )
