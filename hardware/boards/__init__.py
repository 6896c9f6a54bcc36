"""Glue between an exported quadrotor policy and the firmware of flight controllers."""
