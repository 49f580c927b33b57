"""Users: making them, and what may become of their tokens."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from simulator.admin.asking import Missing, answer, cloud, fields_given

views = Blueprint("admin_users", __name__, url_prefix="/admin")


def user_called(user_id: str) -> str:
    """The id of a user there is; raises Missing."""
    if user_id not in cloud.oauth.users:
        raise Missing(f"no user is called {user_id}")
    return user_id


@views.post("/users")
def add_user() -> ResponseReturnValue:
    fields = fields_given()
    user = cloud.add_user(fields["id"], fields.get("name", ""), fields.get("email", ""))
    return answer(user.to_row(), 201)


@views.post("/users/<user_id>/token")
def token(user_id: str) -> ResponseReturnValue:
    """Tokens as if the user had signed in for `client_id`, without the pages."""
    grant = cloud.issue_token(user_called(user_id), fields_given().get("client_id", "latchboard"))
    return answer(grant.to_row(), 201)


@views.post("/users/<user_id>/sign-out")
def sign_out(user_id: str) -> ResponseReturnValue:
    """The user chose "Sign Out Everywhere"."""
    cloud.sign_out(user_called(user_id))
    return answer({"signed_out": user_id}, said=f"{user_id} is signed out everywhere.")


@views.post("/users/<user_id>/expire-tokens")
def expire(user_id: str) -> ResponseReturnValue:
    """Access tokens are over; refresh tokens still work."""
    with cloud.steady():
        cloud.oauth.expire_access(user_called(user_id))
    return answer({"expired": user_id})
