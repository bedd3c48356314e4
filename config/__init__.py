"""Owns: wiring. Settings, addresses, the timetable of background work, and how the processes start and stop together.

Does not own: any rule of the business, any table.

Always true: imported by nobody; every knob comes from the environment (`.env.example`), with a default that works.
"""
