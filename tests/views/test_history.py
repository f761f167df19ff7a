import html
import re
from datetime import timedelta

from django.urls import reverse

from jobs import history, lifecycle
from jobs.models import Job
from tests.jobs.making import claim, make_job, result

OLDER = re.compile(r'href="([^"]*after=[^"]+)"')
ROWS = re.compile(r'hx-get="([^"]*/jobs/rows[^"]*)"')


def poll_address(page: str) -> str:
    return html.unescape(ROWS.search(page).group(1))


def see(actor, **asked) -> str:
    answer = actor.client.get(reverse("history"), asked)
    assert answer.status_code == 200
    return answer.content.decode()


def shown(page: str) -> list[str]:
    return re.findall(r'<li class="card job" id="job-([0-9a-f-]+)"', page)


def test_empty_history_invites(owner):
    page = owner.client.get(reverse("history")).content.decode()
    assert "No videos yet" in page
    assert "every 2s" not in page


def test_history_asks_while_something_is_unfinished_and_then_stops(owner):
    job = make_job(owner)
    page = owner.client.get(reverse("history")).content.decode()
    assert "every 2s" in page
    lifecycle.succeed(claim(job), result(job))
    rows = owner.client.get(poll_address(page)).content.decode()
    assert 'data-state="completed"' in rows
    assert "every 2s" not in rows


def test_unchanged_history_is_204(owner):
    make_job(owner)
    page = owner.client.get(reverse("history")).content.decode()
    answer = owner.client.get(poll_address(page))
    assert answer.status_code == 204
    assert answer.content == b""


def test_only_changed_rows_are_sent(owner):
    quiet, busy = make_job(owner), make_job(owner)
    page = owner.client.get(reverse("history")).content.decode()
    lifecycle.cancel(busy.pk)
    rows = owner.client.get(poll_address(page)).content.decode()
    assert f'id="job-{busy.pk}"' in rows
    assert f'id="job-{quiet.pk}"' not in rows
    assert owner.client.get(poll_address(rows)).status_code == 204


def test_job_that_came_by_the_api_appears_on_an_open_page(owner):
    page = owner.client.get(reverse("history")).content.decode()
    job = make_job(owner)
    rows = owner.client.get(poll_address(page)).content.decode()
    assert f'id="job-{job.pk}"' in rows
    assert 'hx-swap-oob="afterbegin"' in rows
    assert 'id="empty" hx-swap-oob="delete"' in rows


def test_change_that_was_stamped_early_and_committed_late_is_seen(owner):
    early, late = make_job(owner), make_job(owner)
    page = owner.client.get(reverse("history")).content.decode()
    lifecycle.cancel(late.pk)
    page = owner.client.get(poll_address(page)).content.decode()
    lifecycle.cancel(early.pk)
    Job.objects.filter(pk=early.pk).update(changed_at=early.created_at)
    assert f'id="job-{early.pk}"' in owner.client.get(poll_address(page)).content.decode()


def test_nonsense_version_gets_the_rows(owner):
    make_job(owner)
    for version in ("", "x", "a.b,c", "..,", "١.٢", "a." + "9" * 500):
        assert owner.client.get(reverse("history_rows"), {"v": version}).status_code == 200


def test_pages_go_on_where_the_last_ended(owner):
    jobs = [make_job(owner) for _ in range(23)]
    first = owner.client.get(reverse("history")).content.decode()
    second = owner.client.get(OLDER.search(first).group(1)).content.decode()
    shown = re.findall(r'id="job-([0-9a-f-]+)"', first) + re.findall(r'id="job-([0-9a-f-]+)"', second)
    assert shown == [str(job.pk) for job in reversed(jobs)]
    assert OLDER.search(second) is None


def test_a_position_that_is_none_shows_the_newest(owner):
    job = make_job(owner)
    for after in ("yesterday", "2026-13-45T99:99:99Z", "MjAyNi0wMS0wMQ==", "é", "=" * 500):
        assert str(job.pk) in owner.client.get(reverse("history"), {"after": after}).content.decode()


def test_title_of_a_stranger_is_escaped(owner):
    make_job(owner, image="http://localhost:9/%3Cscript%3E%7B%7B7*7%7D%7D.png")
    page = owner.client.get(reverse("history")).content.decode()
    assert "<script>{{7*7}}" not in page
    assert "&lt;script&gt;{{7*7}}" in page


def test_filters_stand_in_the_form_and_can_be_taken_away(owner, teammate):
    mine, other = make_job(owner, by="person"), make_job(teammate, by="person")
    page = see(owner, person=teammate.user.pk, model="lipsync-image", text="face")
    assert shown(page) == [str(other.pk)]
    assert "Person: teammate@example.com" in page
    assert f'href="{reverse("history")}?text=face&amp;model=lipsync-image"' in page
    assert str(mine.pk) not in page


def test_what_makes_no_sense_is_said_and_narrows_nothing(owner, stranger):
    job = make_job(owner)
    asked = {
        "status": "done",
        "person": stranger.user.pk,
        "key": "x",
        "first": "2026-02-31",
        "model": "lipsync",
    }
    page = see(owner, **asked)
    assert shown(page) == [str(job.pk)]
    assert page.count("field__error") >= len(asked)
    assert "stranger@example.com" not in page


def test_nothing_like_that_offers_everything(owner):
    make_job(owner)
    page = see(owner, status="failed")
    assert "No job matches these filters." in page
    assert "No videos yet" not in page


def test_filters_are_kept_on_the_next_page(owner):
    jobs = [make_job(owner) for _ in range(21)]
    older = html.unescape(OLDER.search(see(owner, status="active")).group(1))
    assert "status=active" in older
    assert shown(owner.client.get(older).content.decode()) == [str(jobs[0].pk)]


def test_new_jobs_appear_only_where_they_match(owner):
    every, failed = see(owner), see(owner, status="failed")
    job = make_job(owner)
    assert str(job.pk) in owner.client.get(poll_address(every)).content.decode()
    assert owner.client.get(poll_address(failed)).status_code == 204
    lifecycle.fail(job.pk, code="no_face", sentence="image: No face was found.")
    assert str(job.pk) in owner.client.get(poll_address(failed)).content.decode()


def test_a_job_that_matches_late_comes_to_its_place(owner):
    first, second, third = (make_job(owner) for _ in range(3))
    lifecycle.cancel(third.pk)
    lifecycle.cancel(first.pk)
    page = see(owner, status="canceled")
    assert shown(page) == [str(third.pk), str(first.pk)]
    lifecycle.cancel(second.pk)
    rows = owner.client.get(poll_address(page)).content.decode()
    assert shown(rows) == [str(second.pk)]
    assert f'hx-swap-oob="afterend:#job-{third.pk}"' in rows


def test_a_row_that_matches_no_longer_stays_and_changes(owner):
    job = make_job(owner)
    page = see(owner, status="active")
    lifecycle.cancel(job.pk)
    assert 'data-state="canceled"' in owner.client.get(poll_address(page)).content.decode()


def test_a_deleted_row_goes_from_an_open_page(owner):
    job = make_job(owner)
    page = see(owner)
    lifecycle.cancel(job.pk)
    Job.objects.filter(pk=job.pk).update(deleted_at=job.created_at)
    rows = owner.client.get(poll_address(page)).content.decode()
    assert f'id="job-{job.pk}" hx-swap-oob="delete"' in rows
    assert shown(rows) == []


def test_an_older_page_is_kept_up_to_date_without_new_jobs(owner):
    jobs = [make_job(owner) for _ in range(22)]
    older = owner.client.get(html.unescape(OLDER.search(see(owner)).group(1))).content.decode()
    new = make_job(owner)
    lifecycle.cancel(jobs[1].pk)
    rows = owner.client.get(poll_address(older)).content.decode()
    assert str(jobs[1].pk) in shown(rows)
    assert str(new.pk) not in shown(rows)
    assert owner.client.get(poll_address(rows)).status_code == 204


def test_a_place_in_line_that_moves_changes_the_row(owner):
    first, second = make_job(owner), make_job(owner)
    page = see(owner)
    lifecycle.cancel(first.pk)
    assert f'id="job-{second.pk}"' in owner.client.get(poll_address(page)).content.decode()


def test_a_strangers_rows_are_not_told_by_their_ids(owner, stranger):
    job = make_job(owner)
    answer = stranger.client.get(reverse("history_rows"), {"v": f"{job.pk.hex}.0"})
    assert shown(answer.content.decode()) == []


def test_an_open_page_costs_the_same_number_of_queries_however_many_rows(
    owner, django_assert_max_num_queries
):
    make_job(owner)
    for _more in range(2):
        address = poll_address(see(owner))
        with django_assert_max_num_queries(9):
            assert owner.client.get(address).status_code == 204
        for _each in range(15):
            make_job(owner)


def test_an_empty_window_looks_on_by_itself_and_not_for_ever(owner):
    job = make_job(owner)
    fields = {"team": owner.team, "form_state": {"values": {}}, "fingerprint": "f", "deadline": job.deadline}
    rows = [
        Job(created_at=job.created_at - timedelta(hours=number), state="canceled", **fields)
        for number in range(history.LOOKED_AT + 1)
    ]
    Job.objects.bulk_create(rows)
    page = see(owner, text="needle")
    assert "Looking further back" in page
    onward = html.unescape(re.search(r'hx-get="([^"]*steps=1[^"]*)"', page).group(1))
    assert "No job matches these filters" in owner.client.get(onward).content.decode()
    page = see(owner, text="needle", steps=20)
    assert "Nothing found yet" in page
    assert "Look further back" in page


def test_a_page_of_another_team_is_loaded_anew_and_told_nothing(owner):
    job = make_job(owner)
    answer = owner.client.get(reverse("history_rows"), {"team": owner.team.pk + 1, "v": f"{job.pk.hex}.0"})
    assert answer["HX-Refresh"] == "true"
    assert answer.content == b""
