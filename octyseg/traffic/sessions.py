"""What one visitor of the shop does in one session: a list of steps with the pauses between them.

Decides by the random numbers it is given: browsing, carts, orders, complaints, and what is left
undone. When a session begins and whose it is, is decided in octyseg.traffic.store.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

_CATEGORIES = ("shoes", "coats", "books", "garden", "toys", "kitchen", "bikes", "audio")
_PAYMENTS = ("card", "paypal", "invoice", "klarna", "voucher")
_DEVICES = ("mobile", "mobile", "desktop", "tablet")
_LANDINGS = ("/", "/sale", "/new", "/search", "/newsletter/spring", "/account")
_CHANNELS = ("email", "phone", "chat")
_SHOP = "https://shop.example"

# Shares of a visitor's decisions.
_LOGS_IN = 0.35
_RETURNING_LOGS_IN = 0.75
_ADDS = 0.28
_SEARCHES = 0.2
_GOES_ON = 0.78
_CHECKS_OUT = 0.55
_ORDERS = 0.68
_COMPLAINS = 0.04
_COMES_BACK = 0.4


class Product(NamedTuple):
    """Something to buy; `shown` is what events about it say of it."""

    product_id: str
    price: float
    shown: dict[str, Any]


class Step(NamedTuple):
    """An event of a session. `pace` scales the pause after it: a click follows faster than a decision."""

    event_type: str
    properties: dict[str, Any]
    pace: float = 1.0


class Session(NamedTuple):
    """The steps of a session in order, and those of a later visit that finishes what this one left, if any."""

    steps: list[Step]
    later: list[Step]


def products(random: Random, count: int = 500) -> list[Product]:
    """The shop's goods."""
    goods = []
    for number in range(count):
        product_id, category = f"sku-{number:05d}", random.choice(_CATEGORIES)
        price = random.randrange(199, 39_999) / 100
        url = f"{_SHOP}/{category}/{product_id}"
        shown = {"product_id": product_id, "category": category, "price": price, "currency": "EUR", "url": url}
        goods.append(Product(product_id, price, shown))
    return goods


def session(random: Random, goods: Sequence[Product], *, returning: bool) -> Session:
    """One visit, from landing to leaving."""
    chance = random.random
    visit = {"session_id": f"ses_{random.getrandbits(48):012x}", "device": random.choice(_DEVICES), "locale": "de-DE"}
    landing = random.choice(_LANDINGS)
    steps = [
        Step("page", {**visit, "url": _SHOP + landing, "title": "The shop", "referrer": "https://search.example/"})
    ]
    if chance() < (_RETURNING_LOGS_IN if returning else _LOGS_IN):
        steps.append(Step("login", {**visit, "method": "password", "url": f"{_SHOP}/login"}, 0.5))
    cart: list[Product] = []
    cart_id = f"cart_{random.getrandbits(48):012x}"
    while True:
        if chance() < _SEARCHES:
            query = random.choice(_CATEGORIES)
            steps.append(Step("search", {**visit, "query": query, "url": f"{_SHOP}/search?q={query}"}, 0.6))
        product = goods[int(len(goods) * chance() * chance())]
        shown = {**visit, **product.shown, "position": len(steps)}
        steps.append(Step("product_viewed", shown))
        if chance() < _ADDS:
            cart.append(product)
            steps.append(Step("product_added", {**shown, "cart_id": cart_id, "quantity": 1}, 0.7))
        if chance() > _GOES_ON:
            break
    if not cart:
        return Session(steps, [])
    bought = _order(random, visit, cart, cart_id)
    if chance() < _CHECKS_OUT:
        steps.append(bought[0])
        if chance() < _ORDERS:
            steps += bought[1:]
            return Session(steps, _complaint(random, visit, bought[1]) if chance() < _COMPLAINS else [])
    # An abandoned cart: some come back to it.
    back = Step(
        "page", {**visit, "url": f"{_SHOP}/cart/{cart_id}", "title": "Your cart", "referrer": "", "cart_id": cart_id}
    )
    return Session(steps, [back, *bought] if chance() < _COMES_BACK else [])


def _order(random: Random, visit: dict[str, Any], cart: Sequence[Product], cart_id: str) -> list[Step]:
    """Checkout, order and payment of a cart."""
    value = round(sum(product.price for product in cart), 2)
    order_id = f"order_{random.getrandbits(40):010x}"
    payment = random.choice(_PAYMENTS)
    money = {**visit, "cart_id": cart_id, "value": value, "currency": "EUR", "url": f"{_SHOP}/checkout/{cart_id}"}
    paid = {**money, "order_id": order_id, "payment_method": payment}
    items = [product.product_id for product in cart]
    return [
        Step("checkout_started", {**money, "items": items}, 2.0),
        Step("order_completed", {**paid, "items": items}, 0.1),
        Step("charged", {**paid, "item_id": cart[0].product_id}),
    ]


def _complaint(random: Random, visit: dict[str, Any], order: Step) -> list[Step]:
    properties = {**visit, "channel": random.choice(_CHANNELS), "order_id": order.properties["order_id"]}
    return [Step("complaint", {**properties, "url": f"{_SHOP}/help", "subject": "It is not what I expected"})]
