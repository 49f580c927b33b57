"""HTTP in front of a Cloud: the API, the pages of a sign-in, the operator's API and page."""

from pathlib import Path

from flask import Flask, Response, jsonify, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from simulator import page
from simulator.admin import register
from simulator.cloud import Cloud
from simulator.wire import Request

AUTHORIZE = "oauth2/authorize"


def create_app(cloud: Cloud, key_out: Path | None = None) -> Flask:
    """A WSGI application over this cloud; a rotated public key is written to `key_out`."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # it is Flask's own provider
    app.extensions["cloud"] = cloud
    app.config["KEY_OUT"] = key_out
    register(app)
    app.register_blueprint(page.views)

    @app.route("/<path:path>", methods=["GET", "POST", "PUT", "DELETE"])
    def vendor(path: str) -> ResponseReturnValue:
        """The vendor's own addresses, in whatever case their sources spell them."""
        if path.lower().rstrip("/") == AUTHORIZE:
            return _authorize(cloud)
        return _api(cloud)

    return app


def _api(cloud: Cloud) -> Response:
    query = request.query_string.decode()
    path = f"{request.path}?{query}" if query else request.path
    answer = cloud.handle(Request(request.method, path, dict(request.headers), request.get_data()))
    response = make_response("" if answer.json is None else jsonify(answer.json), answer.status)
    response.headers.update(answer.headers)
    return response


def _authorize(cloud: Cloud) -> ResponseReturnValue:
    asked = request.values.to_dict()
    with cloud.steady():
        users = list(cloud.oauth.users.values())
        problem = cloud.oauth.refusal_of(asked)
        if problem or not users:
            reason = problem or "There is no user yet: make one on the first page."
            return render_template("authorize.html", problem=reason), 400
        if request.method == "GET":
            hidden = {name: value for name, value in asked.items() if name != "user"}
            return render_template("authorize.html", users=users, hidden=hidden)
        if "deny" in asked:
            return redirect(cloud.oauth.deny(asked), 303)
        user_id = asked.get("user") or users[0].id
        if user_id not in cloud.oauth.users:
            return render_template("authorize.html", problem="There is no such user."), 400
        return redirect(cloud.oauth.consent(user_id, asked), 303)
