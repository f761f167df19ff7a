"""The database itself refuses to change or delete a line of the audit log.

What names somebody may be erased, and no more: `person` and `subject` with their account, and for a deleted team
`address`, `target` and `details`, too. Neither TRUNCATE nor SQLite's INSERT OR REPLACE gets around it: both pass by
the triggers that watch single rows go.

That a team is deleted is read off the log itself: SQLite makes no table anew that another's trigger reads.
"""

from django.db import migrations

SQLITE = [
    """
    CREATE TRIGGER audit_no_update BEFORE UPDATE ON accounts_auditevent
    WHEN NEW.id IS NOT OLD.id OR NEW.team_id IS NOT OLD.team_id OR NEW.at IS NOT OLD.at
        OR NEW.action IS NOT OLD.action OR NEW.key_id IS NOT OLD.key_id
        OR NEW.by_operator IS NOT OLD.by_operator
        OR (NEW.person_id IS NOT OLD.person_id AND NEW.person_id IS NOT NULL)
        OR (NEW.subject_id IS NOT OLD.subject_id AND NEW.subject_id IS NOT NULL)
        OR (NEW.address IS NOT OLD.address AND NEW.address IS NOT NULL)
        OR (NEW.target IS NOT OLD.target AND NEW.target IS NOT '')
        OR (NEW.details IS NOT OLD.details AND NEW.details IS NOT '{}')
        OR (
            (NEW.address IS NOT OLD.address OR NEW.target IS NOT OLD.target OR NEW.details IS NOT OLD.details)
            AND NOT EXISTS (SELECT 1 FROM accounts_auditevent WHERE team_id = OLD.team_id AND action = 'team.delete')
        )
    BEGIN SELECT RAISE(ABORT, 'The audit log only grows.'); END
    """,
    """
    CREATE TRIGGER audit_no_delete BEFORE DELETE ON accounts_auditevent
    BEGIN SELECT RAISE(ABORT, 'The audit log only grows.'); END
    """,
    """
    CREATE TRIGGER audit_no_replace BEFORE INSERT ON accounts_auditevent
    WHEN EXISTS (SELECT 1 FROM accounts_auditevent WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'The audit log only grows.'); END
    """,
]
POSTGRESQL = [
    """
    CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE'
            AND to_jsonb(NEW) - '{person_id,subject_id,address,target,details}'::text[]
                = to_jsonb(OLD) - '{person_id,subject_id,address,target,details}'::text[]
            AND (NEW.person_id IS NULL OR NEW.person_id IS NOT DISTINCT FROM OLD.person_id)
            AND (NEW.subject_id IS NULL OR NEW.subject_id IS NOT DISTINCT FROM OLD.subject_id)
            AND (NEW.address IS NULL OR NEW.address IS NOT DISTINCT FROM OLD.address)
            AND (NEW.target = '' OR NEW.target = OLD.target)
            AND (NEW.details = '{}'::jsonb OR NEW.details = OLD.details)
            AND (
                (
                    NEW.address IS NOT DISTINCT FROM OLD.address
                    AND NEW.target = OLD.target
                    AND NEW.details = OLD.details
                )
                OR EXISTS (SELECT 1 FROM accounts_auditevent WHERE team_id = OLD.team_id AND action = 'team.delete')
            )
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'The audit log only grows.' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_only_grows()
    """,
    """
    CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON accounts_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()
    """,
]
BACK = {
    # IF EXISTS: a migration that had SQLite make the table anew may have lost them.
    "sqlite": [
        "DROP TRIGGER IF EXISTS audit_no_update",
        "DROP TRIGGER IF EXISTS audit_no_delete",
        "DROP TRIGGER IF EXISTS audit_no_replace",
    ],
    "postgresql": [
        "DROP TRIGGER IF EXISTS audit_only_grows ON accounts_auditevent",
        "DROP TRIGGER IF EXISTS audit_no_truncate ON accounts_auditevent",
        "DROP FUNCTION IF EXISTS audit_only_grows()",
    ],
}


def add(apps, schema_editor):
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}.get(schema_editor.connection.vendor, []):
        schema_editor.execute(statement, params=None)


def remove(apps, schema_editor):
    for statement in BACK.get(schema_editor.connection.vendor, []):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0004_sales"),
    ]

    operations = [
        migrations.RunPython(add, remove),
    ]
