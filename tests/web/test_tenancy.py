"""What work for one account may not do, whatever it tries."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import clock, tenancy
from portal.extensions import db
from portal.models import Account, Lock, LockReading, Property
from portal.services import readings
from portal.unit_of_work import writing
from tests.support.builders import make_account, make_connection, make_lock, make_property


def rename(place: Property, account: Account) -> None:
    with tenancy.as_account(account.id), writing() as session:
        session.add(place)
        place.name = "Mine now"


def take_a_reading(lock: Lock, account: Account) -> None:
    with tenancy.as_account(account.id), writing() as session:
        readings.take(session, lock, clock.now())


def test_a_row_of_another_account_is_not_written(app: Flask) -> None:
    mine, other = make_account(), make_account()
    place = make_property(other, name="Casa")

    with pytest.raises(tenancy.ForeignRow, match="Property"):
        rename(place, mine)

    db.session.rollback()
    assert db.session.scalars(select(Property.name)).one() == "Casa"


def test_nor_is_one_that_is_written_past_the_orm(app: Flask) -> None:
    mine, other = make_account(), make_account()
    lock = make_lock(make_connection(other))

    with pytest.raises(tenancy.ForeignRow, match="LockReading"):
        take_a_reading(lock, mine)

    db.session.rollback()
    assert db.session.scalar(select(func.count(LockReading.id))) == 0
