"""The truth as JSON, for the operator: both lists of every lock, commands, webhooks, settings."""

from typing import Any

from simulator.cloud import Cloud
from simulator.codes import Code
from simulator.commands import WIRE_NAMES, Command
from simulator.lock import Lock
from simulator.webhooks import Delivery


def of_cloud(cloud: Cloud) -> dict[str, Any]:
    settings = cloud.core.settings
    signer = cloud.webhooks.signer
    return {
        "now": cloud.clock.now().isoformat(),
        "seed": settings.seed,
        "preset": settings.preset,
        "faults": settings.faults.to_row(),
        "api_up": settings.api_is_up,
        "webhooks": {
            "on": settings.webhooks_are_on,
            "withheld": settings.webhooks_are_withheld,
            "waiting": len(cloud.webhooks.held),
        },
        "public_key": signer.public_pem() if signer else None,
        "users": [user.to_row() for user in cloud.oauth.users.values()],
        "subscriptions": [one.to_row() for one in cloud.webhooks.subscriptions.values()],
        "locks": [of_lock(lock) for lock in cloud.locks.values()],
    }


def of_lock(lock: Lock) -> dict[str, Any]:
    return {
        "id": lock.id,
        "name": lock.name,
        "owner_id": lock.owner_id,
        "zone": lock.zone,
        "vlac": lock.vlac,
        "code_length": lock.code_length,
        "connected": lock.is_connected,
        "shown_connected": lock.shown_connected,
        "battery_level": lock.battery_level,
        "battery_state": str(lock.battery_state),
        "signal_dbm": lock.signal_dbm,
        "firmware": lock.firmware,
        "bolt": lock.bolt,
        "clock_offset_minutes": lock.clock_offset_minutes,
        "faults": lock.faults.to_row() if lock.faults else None,
        "script": lock.script.to_rows(),
        "server_codes": [of_code(code) for code in lock.server_codes],
        "lock_codes": [of_code(code) for code in lock.lock_codes],
    }


def of_code(code: Code) -> dict[str, Any]:
    return code.to_row()


def of_command(command: Command) -> dict[str, Any]:
    return {
        "command_id": command.id,
        "lock_id": command.lock_id,
        "kind": command.kind,
        "name": WIRE_NAMES[command.kind],
        "state": command.state,
        "accepted_at": command.accepted_at.isoformat(),
        "code_id": command.code.id if command.code else command.target_id,
        "code_name": command.code.name if command.code else command.target_name,
        "faults": dict(command.plan.faults),
        "error": command.error,
    }


def of_delivery(delivery: Delivery) -> dict[str, Any]:
    return delivery.to_row()
