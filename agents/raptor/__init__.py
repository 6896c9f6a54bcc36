"""Policies that fly any quadrotor, after RAPTOR: their training, distillation and evaluation."""
